#!/bin/bash
# What the scripts of instances share. AWS takes one text for a script: synth puts this file in the place of its `source`.
root=${TRAINYARD_ROOT:-}
# Only folders of root: in others (conda's) the user could put programs that root would run.
export PATH="$root/usr/local/sbin:$root/usr/local/bin:$root/usr/sbin:$root/usr/bin:$root/sbin:$root/bin"
export LC_ALL=C

now() { TZ=UTC printf '%(%FT%TZ)T' -1; }

say() { echo "$(now) trainyard: $*"; }

# Several programs use the package manager when an instance starts, and only one may; networks come up late.
retry() {
    local attempts=$1 attempt
    shift
    for ((attempt = 1; attempt <= attempts; attempt++)); do
        "$@" && return 0
        say "attempt $attempt of $attempts failed: $*"
        ((attempt == attempts)) || sleep "${TRAINYARD_RETRY_SECONDS:-15}"
    done
    return 1
}
