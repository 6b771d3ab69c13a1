#!/bin/bash
# What the programs that run as the user share: the settings, and the instance's name.
# shellcheck source=/dev/null
source "$settings"

instance_name() {
    local about
    about=$(<"$root/opt/ml/metadata/resource-metadata.json")
    [[ $about =~ \"ResourceName\":\ *\"([^\"]+)\" ]] && echo "${BASH_REMATCH[1]}"
}
