#!/bin/bash
# Hands a notebook instance that starts over to a background job. The settings stand above this line.
# A start that takes five minutes or ends with an error keeps its user out: whatever may take long or fail is in the job.
set -u
umask 022
trap 'exit 0' EXIT
source notebook/library.sh

verified() { echo "$TRAINYARD_JOB_SHA256  $1" | sha256sum --check --status 2>/dev/null; }

from_volume() { [ -f "$state/job.tar" ] && limit=20 as_user head -c 10000000 "$state/job.tar"; }

from_s3() { timeout 60 aws s3 cp --only-show-errors --region "$TRAINYARD_REGION" "$TRAINYARD_JOB" -; }

fetch_from_s3() { from_s3 >"$lib/job.tar" && verified "$lib/job.tar"; }

# Puts the scripts of the job where only root writes, if a copy has the hash that the deployment set. The user can write
# the copy on the volume, so it is taken off the volume first and checked then.
fetch() {
    from_volume >"$lib/job.tar"
    verified "$lib/job.tar" && return
    tell running fetch "scripts are fetched from $TRAINYARD_JOB"
    retry 10 fetch_from_s3 || return
    keep "$lib/job.tar" "$state" || say 'the scripts are not kept'
}

unpack() { rm -rf "$lib/job" && mkdir "$lib/job" && tar -x --no-same-owner -C "$lib/job" -f "$lib/job.tar"; }

# Without the scripts there is no idle stop, so an instance that stays without them stops.
miss_scripts() {
    local idle=$TRAINYARD_IDLE_MINUTES up stop=
    ((idle == 0 || idle >= 60)) || idle=60
    ((idle == 0)) || stop="; without them the instance stops after $idle minutes"
    tell failed fetch "no scripts of the right hash from $TRAINYARD_JOB$stop" "$log"
    read -r up _ <"$root/proc/uptime"
    ((idle && ${up%.*} >= idle * 60)) || return
    [ -z "$(find "$home/SageMaker/.keep-awake" -mmin -1440 2>/dev/null)" ] || return
    say 'the instance stops'
    aws sagemaker stop-notebook-instance --region "$TRAINYARD_REGION" --notebook-instance-name "$(instance_name)"
}

# The lock is held until bootstrap.sh ends, whichever way. An exit code other than 0 lets systemd try again.
job() {
    mkdir -p "$run" "$lib" "${log%/*}"
    # Whoever may open a lock may hold it.
    (umask 077 && touch "$run"/{bootstrap,dnf,report}.lock)
    exec 9>"$run/bootstrap.lock"
    # idle_stop.py looks at it too, for a moment.
    flock -w 1 9 || exit 0
    # Of the start before; a job that is tried again goes on in its log.
    [ -e "$log" ] || limit=20 as_user mv -fT "$state/bootstrap.log" "$state/bootstrap.log.1" 2>/dev/null
    exec >>"$log" 2>&1 </dev/null
    if fetch && unpack; then
        exec bash "$lib/job/bootstrap.sh"
    fi
    miss_scripts
    exit 1
}

write_settings() {
    local name
    for name in "${!TRAINYARD_@}"; do
        printf '%s=%q\n' "$name" "${!name}"
    done
}

# Its own file, because SageMaker does not say how long it keeps this one.
write_job() {
    echo '#!/bin/bash'
    echo 'set -u; umask 022'
    printf 'source %q\n' "$settings"
    declare -p PATH LC_ALL root home state title lib run log
    declare -f
    echo 'job'
}

# replace FILE COMMAND: another start may be reading the file, or writing it.
replace() { "${@:2}" >"$1.new.$$" && mv -f "$1.new.$$" "$1"; }

# All three descriptors: SageMaker waits for whoever holds its output. Memory that runs out ends a step, not the job.
# No StartLimit: the scripts are asked for until they come, and bootstrap.sh counts its attempts itself.
start_job() {
    timeout --kill-after=5 10 systemd-run --unit=trainyard-bootstrap --collect --no-block \
        -pRuntimeMaxSec=2h -pOOMPolicy=continue -pRestart=on-failure -pRestartSec=2min -pStartLimitIntervalSec=0 \
        "$(command -v bash)" "$lib/job.sh" && return
    say 'no systemd-run'
    setsid nohup bash "$lib/job.sh" </dev/null &>/dev/null &
}

mkdir -p "${settings%/*}" "$lib"
if replace "$settings" write_settings && replace "$lib/job.sh" write_job; then
    start_job
    say "started; see $state/status"
else
    say "the job cannot be written"
    tell failed start 'the disk of the system is full' </dev/null &>/dev/null &
fi
