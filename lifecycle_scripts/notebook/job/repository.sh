#!/bin/bash
# repository.sh FOLDER PARTIAL URL: clones a repository, or fetches what is new; says what it did. It runs as the user.
# A folder that is there is never changed beyond what `git fetch` writes: the work in it is the user's.
set -u
source notebook/library.sh
# shellcheck source=/dev/null
source "$settings"
folder=$1 partial=$2 url=$3
# Nobody is there to be asked, and a repository that lies above the folder is another one.
export GIT_TERMINAL_PROMPT=0 GIT_CEILING_DIRECTORIES=${folder%/*}

# What git says goes to the log; what it tidies up in the background would outlive the time limit.
quiet_git() { git -c gc.auto=0 -c maintenance.auto=false "$@" >&2; }

# PARTIAL is what a start that was cut off left behind.
clone() {
    local options=()
    rm -rf "$partial" && mkdir -p "${partial%/*}" || return 1
    if [[ $url == https://git-codecommit* ]]; then
        # In the clone's own settings, so that its user signs in the same way.
        # https://docs.aws.amazon.com/codecommit/latest/userguide/setting-up-https-unixes.html
        # shellcheck disable=SC2016  # git expands it
        options=(-c 'credential.helper=!aws codecommit credential-helper $@' -c credential.UseHttpPath=true)
    fi
    quiet_git clone --quiet "${options[@]}" -- "$url" "$partial"
}

if [ -L "$state" ] || [ -L "${partial%/*}" ]; then
    echo "${partial%/*} is behind a link: nothing is cloned"
    exit 1
elif [ ! -e "$folder" ] && [ ! -L "$folder" ]; then
    retry 3 clone >&2 && mv -nT "$partial" "$folder" && [ ! -e "$partial" ] || exit 1
    echo 'cloned'
elif [ "$(git -C "$folder" config --get remote.origin.url)" = "$url" ]; then
    retry 3 quiet_git -C "$folder" fetch --quiet origin >&2 || exit 1
    echo 'fetched, not merged'
else
    echo 'something else has this name, and stays as it is'
    exit 1
fi
