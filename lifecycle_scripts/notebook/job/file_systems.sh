#!/bin/bash
# The file systems that the team may mount: each on its own, because one that cannot be reached may hold its mount up.

# install PACKAGE: never a kernel, as the Lustre client must match the one that runs. The package manager takes one at a
# time.
install() {
    retry 5 timeout -k 10 300 flock "$run/dnf.lock" dnf install -y --exclude='kernel*' "$1"
}

# A new Lustre file system is root's alone. The teams that mount it trust each other; what is set by hand stays.
open_to_all() {
    [ "$(timeout -k 5 20 stat -c '%u %a' "$1")" != '0 755' ] || timeout -k 5 20 chmod 1777 "$1"
}

check_writable() {
    limit=20 as_user test -w "$1" || note='you cannot write at its root'
}

# is_mounted FOLDER: a file system whose server is gone answers no question.
is_mounted() { timeout -k 5 20 mountpoint -q "$1"; }

mount_lustre() {
    local name=$1 dns=$2 mount_name=$3 folder="$root/fsx/$1"
    if ! is_mounted "$folder"; then
        mkdir -p "$folder"
        command -v mount.lustre || install lustre-client || return 1
        retry 5 timeout -k 10 120 mount -t lustre -o noatime,flock,_netdev "$dns@tcp:/$mount_name" "$folder" || return 1
    fi
    open_to_all "$folder"
    check_writable "$folder"
}

# In a scope of its own: the helper's tunnel, which the mount lives by, must not end with this job.
# https://docs.aws.amazon.com/efs/latest/ug/mounting-access-points.html
mount_efs() {
    local name=$1 id=$2 access_point=$3 folder="$root/efs/$1"
    local options="tls,_netdev,region=$TRAINYARD_REGION${access_point:+,accesspoint=$access_point}"
    if ! is_mounted "$folder"; then
        mkdir -p "$folder"
        command -v mount.efs || install amazon-efs-utils || return 1
        retry 5 timeout -k 10 120 systemd-run --quiet --scope --collect \
            mount -t efs -o "$options" "$id:/" "$folder" || return 1
    fi
    check_writable "$folder"
}

# mount_all KIND FOLDER ENTRY...: where the user has something of that name, there is no link.
mount_all() {
    local kind=$1 folder=$2 entry name address rest
    shift 2
    for entry in "$@"; do
        IFS=: read -r name address rest <<<"$entry"
        step "file-system-$folder-$name" "mount_$kind" "$name" "$address" "$rest" &
    done
    (($# == 0)) || as_user ln -sT "$root/$folder" "$home/SageMaker/$folder" 2>/dev/null
}

mount_file_systems() (
    read -ra lustre <<<"$TRAINYARD_FILE_SYSTEMS"
    read -ra efs <<<"$TRAINYARD_EFS_FILE_SYSTEMS"
    mount_all lustre fsx "${lustre[@]}"
    mount_all efs efs "${efs[@]}"
    wait
)
