#!/bin/bash
# What the scripts of notebook instances share.
# shellcheck disable=SC2034  # not every script uses all of it
source library.sh
home="$root/home/ec2-user"
# On the volume, which alone outlives a stop.
state="$home/SageMaker/.trainyard"
title='# The start of this notebook instance (a page of Trainyard)'
settings="$root/etc/trainyard/settings"
lib="$root/usr/local/lib/trainyard"
run="$root/run/trainyard"
log="$root/var/log/trainyard/bootstrap.log"

instance_name() { grep -Po '"ResourceName": *"\K[^"]+' "$root/opt/ml/metadata/resource-metadata.json"; }

# `limit=SECONDS as_user ...` ends what hangs. Root writes nothing on the volume: its user could lead the write elsewhere
# with a link.
as_user() { timeout --foreground --kill-after=5 "${limit:-0}" sudo -H -u ec2-user env PATH="$PATH" "$@"; }

# call_as_user FUNCTION ARGUMENTS: a function that uses none but those named here. Its text goes past the command line,
# which sudo logs.
call_as_user() {
    {
        declare -f put is_ours show "$1"
        printf '%q ' "$@"
    } | as_user bash -s
}

# put STATE FILE... FOLDER: whole files or none. On a full volume there is room once the old file is gone; a new one that
# cannot be written must not leave the old one to tell what is no longer so.
put() {
    local state=$1 folder=${*: -1} file new
    [ -d "$state" ] && [ -d "$folder" ] || mkdir -p "$state" "$folder" || return
    for file in "${@:2:$#-2}"; do
        new="$state/.${file##*/}.new"
        cp --remove-destination -T "$file" "$new" && mv -fT "$new" "$folder/${file##*/}" && continue
        rm -f "$new" "$folder/${file##*/}"
        cp -T "$file" "$folder/${file##*/}" && continue
        rm -f "$folder/${file##*/}"
        return 1
    done
}

# keep FILE... FOLDER, on the volume.
keep() { limit=60 call_as_user put "$state" "$@"; }

# is_ours PAGE TITLE: a page that does not begin as ours is the user's.
is_ours() {
    local first
    [ -f "$1" ] && [ ! -L "$1" ] && IFS= read -r first <"$1" && [ "$first" = "$2" ]
}

# show STATE FOLDER PAGE STATUS [LOG]: the page beside the notebooks, the rest into the state. The log is the largest, so
# it comes last.
show() {
    local title there="$2/${3##*/}"
    put "$1" "$4" "$1"
    IFS= read -r title <"$3"
    if is_ours "$there" "$title" || ! { [ -e "$there" ] || [ -L "$there" ]; }; then
        put "$1" "$3" "$2"
    fi
    put "$1" "${@:5}" "$1"
}

# publish LOG...: what stands in $run is shown on the volume.
publish() { limit=60 call_as_user show "$state" "$home/SageMaker" "$run/BOOTSTRAP_STATUS.md" "$run/status" "$@"; }

# tell STATE STEP NOTE [LOG]: for what happens before there are steps that record.
tell() {
    mkdir -p "$run"
    echo "$(now) $1 $2: $3" >"$run/status"
    printf '%s\n\nNot ready yet: %s. Your files are as you left them. If this stays, stop and start the instance; then
tell your platform team.\n' "$title" "$3" >"$run/BOOTSTRAP_STATUS.md"
    publish "${@:4}"
}
