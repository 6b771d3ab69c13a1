#!/bin/bash
# The environments of the team and of the user: environments.py builds them, this calls it.

sync_packages() {
    limit=1800 as_user aws s3 sync --only-show-errors --delete --region "$TRAINYARD_REGION" \
        "$TRAINYARD_PACKAGES" "$packages"
}

fetch_packages() {
    if [ -z "$TRAINYARD_PACKAGES" ]; then
        note='none'
        return 0
    fi
    retry 3 sync_packages && return
    note='S3 did not answer, or refused'
    return 1
}

# SageMaker renames its conda environments from image to image.
find_python() {
    local python conda="$home/anaconda3"
    for python in "$conda"/envs/python3*/bin/python "$conda"/envs/pytorch*/bin/python "$conda/bin/python"; do
        if as_user test -x "$python"; then
            echo "$python"
            return 0
        fi
    done
    command -v python3
}

register_kernels() {
    local python line kernel=()
    python=$(find_python) || return
    if [ -f "${settings%/*}/environment" ]; then
        while IFS= read -r line; do
            kernel+=(--env "$line")
        done <"${settings%/*}/environment"
    fi
    limit=120 as_user "$python" -I "$job/environments.py" register --home "$home" --team "$TRAINYARD_TEAM" \
        "${kernel[@]}"
}

# with_token DOMAIN OWNER REGION COMMAND..., as the user: the token is in no command line and in no log.
with_token() {
    TRAINYARD_INDEX_TOKEN=$(timeout 60 aws codeartifact get-authorization-token --domain "$1" --domain-owner "$2" \
        --region "$3" --query authorizationToken --output text) && export TRAINYARD_INDEX_TOKEN
    "${@:4}"
}

build() {
    local python domain owner repository command
    python=$(find_python) || return
    command=("$python" -I "$job/environments.py" build --home "$home" --team "$TRAINYARD_TEAM")
    if [ -z "$TRAINYARD_CODEARTIFACT" ]; then
        as_user "${command[@]}"
        return
    fi
    IFS=: read -r domain owner repository <<<"$TRAINYARD_CODEARTIFACT"
    command+=(--index-url)
    command+=("https://$domain-$owner.d.codeartifact.$TRAINYARD_REGION.amazonaws.com/pypi/$repository/simple/")
    call_as_user with_token "$domain" "$owner" "$TRAINYARD_REGION" "${command[@]}"
}

# Each environment is recorded, so this step fails only where none could be looked at.
build_environments() {
    local line state name told=0
    while read -r state line; do
        name=${line%%: *}
        line=${line#"$name"}
        [ "$state $name" = 'failed environments' ] && break
        result "environment-$name" "$state" "${line#: }"
        ((told += 1))
    done < <(build)
    wait $! || ((told)) || {
        note=${line#: }
        return 1
    }
}
