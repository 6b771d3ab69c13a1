#!/bin/bash
# What the steps of the job record: a status and a log on the volume, beside the notebooks a page that says how it went.
log="$root/var/log/trainyard/bootstrap.log"
note=''

begin() {
    mkdir -p "$run" "${log%/*}"
    as_user mkdir -p "$state"
    as_user mv -f "$state/bootstrap.log" "$state/bootstrap.log.1" 2>/dev/null
    exec >"$log" 2>&1 </dev/null
    rm -rf "$run/steps"
    mkdir "$run/steps"
}

publish() {
    cat "$run/steps"/* >"$run/status"
    keep "$run/status" "$log" "$state"
}

record() {
    echo "$(now) $2 $1${note:+: $note}" | tee "$run/steps/$1"
    publish
}

# A step may set `note`, which stands behind its name in the status.
step() {
    local name=$1
    shift
    note=''
    record "$name" running
    if "$@"; then record "$name" ok; else record "$name" failed; fi
}

# Once more, as two may have published at once.
finish() { publish; }
