#!/bin/bash
# Prepares a Batch host before its container agent starts. Settings stand above this line in the user data.
set -u
source library.sh

# Containers with a network of their own, those of jobs over several hosts, get the role of their job alone. The others
# share the network of the host, where nothing keeps them from its role: that role is small.
close_metadata() {
    mkdir -p "$root/etc/ecs"
    grep -qs '^ECS_AWSVPC_BLOCK_IMDS=true$' "$root/etc/ecs/ecs.config" ||
        echo 'ECS_AWSVPC_BLOCK_IMDS=true' >>"$root/etc/ecs/ecs.config"
}

mount_file_system() {
    local name=$1 dns=$2 mount_name=$3 folder="$root/fsx/$1"
    mkdir -p "$folder"
    mountpoint -q "$folder" && return 0
    retry 10 mount -t lustre -o noatime,flock,_netdev "$dns@tcp:/$mount_name" "$folder" || return 1
    say "mounted $name"
}

mount_file_systems() {
    local entry name dns mount_name
    [ -n "${TRAINYARD_FILE_SYSTEMS:-}" ] || return 0
    retry 10 dnf install -y lustre-client || return 1
    for entry in $TRAINYARD_FILE_SYSTEMS; do
        IFS=: read -r name dns mount_name <<<"$entry"
        mount_file_system "$name" "$dns" "$mount_name" || return 1
    done
}

# A job on a host without its file systems would write into an empty folder, and lose what it wrote.
leave() {
    say "not ready: this host takes no job and goes"
    systemctl mask --now ecs
    shutdown -h now
}

{ close_metadata && mount_file_systems; } || leave
