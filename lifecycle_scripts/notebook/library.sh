#!/bin/bash
# What the scripts of notebook instances share.
# shellcheck disable=SC2034  # not every script uses all of it
source library.sh
home="$root/home/ec2-user"
# On the volume, which alone outlives a stop.
state="$home/SageMaker/.trainyard"
settings="$root/etc/trainyard/settings"
lib="$root/usr/local/lib/trainyard"
run="$root/run/trainyard"

as_user() { sudo -H -u ec2-user env PATH="$PATH" "$@"; }

# keep FILE... FOLDER: root writes nothing on the volume, as its user could lead the write elsewhere with a link.
keep() {
    local folder=${*: -1}
    as_user mkdir -p "$folder" && as_user cp --remove-destination -t "$folder" "${@:1:$#-1}"
}
