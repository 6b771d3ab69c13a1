#!/bin/bash
# Hands a notebook instance that starts over to a background job. The settings stand above this line.
# A start that takes five minutes or ends with an error keeps its user out: whatever may take long or fail is in the job.
set -u
umask 022
trap 'exit 0' EXIT
source notebook/library.sh

verified() { echo "$TRAINYARD_JOB_SHA256  $1" | sha256sum --check --status 2>/dev/null; }

from_volume() { [ -f "$state/job.tar" ] && as_user timeout 20 head -c 10000000 "$state/job.tar"; }

from_s3() { timeout 60 aws s3 cp --only-show-errors --region "$TRAINYARD_REGION" "$TRAINYARD_JOB" -; }

fetch_from_s3() { from_s3 >"$lib/job.tar" && verified "$lib/job.tar"; }

# Puts the scripts of the job where only root writes, if a copy has the hash that the deployment set. The user can write
# the copy on the volume, so it is taken off the volume first and checked then.
fetch() {
    from_volume >"$lib/job.tar"
    verified "$lib/job.tar" && return
    retry 10 fetch_from_s3 || return
    keep "$lib/job.tar" "$state" || say "the scripts cannot be kept on the volume"
}

unpack() { rm -rf "$lib/job" && mkdir "$lib/job" && tar -x --no-same-owner -C "$lib/job" -f "$lib/job.tar"; }

# The lock is held until bootstrap.sh ends, whichever way.
job() {
    mkdir -p "$run" "$lib"
    exec 9>"$run/bootstrap.lock"
    # idle_stop.py looks at it too, for a moment.
    flock -w 1 9 || exit 0
    if fetch && unpack; then
        exec bash "$lib/job/bootstrap.sh"
    fi
    echo "$(now) failed fetch: no scripts of the right hash from $TRAINYARD_JOB" >"$run/status"
    keep "$run/status" "$state"
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
    echo 'set -u'
    printf 'source %q\n' "$settings"
    declare -p PATH LC_ALL state lib run
    declare -f now say retry as_user keep verified from_volume from_s3 fetch_from_s3 fetch unpack job
    echo 'job'
}

# All three descriptors: SageMaker waits for whoever holds its output.
start_job() {
    timeout 20 systemd-run --unit=trainyard-bootstrap --collect --no-block --property=RuntimeMaxSec=2h \
        "$(command -v bash)" "$lib/job.sh" && return
    say "no systemd-run: the job starts without"
    setsid nohup bash "$lib/job.sh" </dev/null >/dev/null 2>&1 &
}

mkdir -p "${settings%/*}" "$lib"
write_settings >"$settings"
write_job >"$lib/job.sh"
start_job
say "the job has started; see $state/status"
