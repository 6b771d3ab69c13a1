#!/bin/bash
# The file systems that the team may mount.

mount_lustre() {
    local name=$1 dns=$2 mount_name=$3 folder="$root/fsx/$1"
    mkdir -p "$folder"
    mountpoint -q "$folder" && return 0
    # The client must match the kernel that runs.
    command -v mount.lustre || retry 5 timeout 300 dnf install -y --exclude='kernel*' lustre-client || return 1
    retry 5 timeout 120 mount -t lustre -o noatime,flock,_netdev "$dns@tcp:/$mount_name" "$folder"
}

mount_file_systems() {
    local entry name dns mount_name
    for entry in $TRAINYARD_FILE_SYSTEMS; do
        IFS=: read -r name dns mount_name <<<"$entry"
        step "file-system-$name" mount_lustre "$name" "$dns" "$mount_name"
        as_user ln -sT "$root/fsx" "$home/SageMaker/fsx" 2>/dev/null
    done
}
