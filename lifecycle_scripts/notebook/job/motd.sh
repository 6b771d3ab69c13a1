#!/bin/bash
# Says in a terminal where it is. It asks no file system, as one that does not answer would hold the terminal up.
set -u
source notebook/library.sh
# shellcheck source=/dev/null
source "$settings"

# mounts FOLDER SETTING: the file systems of a setting, and which of them are missing.
mounts() {
    local entry entries folder
    read -ra entries <<<"$2"
    for entry in "${entries[@]}"; do
        folder="$1/${entry%%:*}"
        if grep -q " $root$folder " "$root/proc/self/mounts"; then
            echo "  data     $folder"
        else
            echo "  data     $folder is not mounted"
        fi
    done
}

kernels() {
    local folder
    for folder in "$home"/.local/share/jupyter/kernels/*/; do
        folder=${folder%/}
        [ -d "$folder" ] && printf ' %q' "${folder##*/}"
    done
}

idle() {
    if [ "$TRAINYARD_IDLE_MINUTES" = 0 ]; then
        echo 'never stops by itself'
    else
        echo "stops after $TRAINYARD_IDLE_MINUTES minutes; awake for 12 hours: echo 12 > ~/SageMaker/.keep-awake"
    fi
}

# The first line is that of the whole start.
start() {
    local how='not known'
    read -r _ how _ <"$state/status"
    echo "$how"
}

echo "Trainyard $TRAINYARD_ENVIRONMENT, team $TRAINYARD_TEAM, notebook instance $(instance_name)"
echo "  idle     $(idle)"
{
    mounts /fsx "$TRAINYARD_FILE_SYSTEMS"
    mounts /efs "$TRAINYARD_EFS_FILE_SYSTEMS"
} | head -n 6
echo "  kernels $(kernels)"
echo "  start    $(start); see ~/SageMaker/BOOTSTRAP_STATUS.md"
echo '  volume   only ~/SageMaker outlives a stop'
