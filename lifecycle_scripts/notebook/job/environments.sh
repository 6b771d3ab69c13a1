#!/bin/bash
# The environments of the team and of the user: environments.py builds them, this calls it.

# Without --exact-timestamps a file of the same size stays as it was.
# https://docs.aws.amazon.com/cli/latest/reference/s3/sync.html
sync_packages() {
    limit=1800 as_user aws s3 sync --only-show-errors --delete --exact-timestamps --no-follow-symlinks \
        --region "$TRAINYARD_REGION" "$TRAINYARD_PACKAGES" "$packages"
}

# A link would lead the copy, and what it deletes, to other files.
find_link() {
    if [ -L "$state" ]; then
        echo "$state"
    else
        limit=60 as_user find "$packages" -type l -print -quit 2>/dev/null
    fi
}

fetch_packages() {
    local link
    if [ -z "$TRAINYARD_PACKAGES" ]; then
        note='none'
        return 0
    fi
    link=$(find_link)
    if [ -n "$link" ]; then
        note="$link is a link: nothing is copied"
        return 1
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
    local python line output code kernel=()
    python=$(find_python) || return
    if [ -f "${settings%/*}/environment" ]; then
        while IFS= read -r line; do
            kernel+=(--env "$line")
        done <"${settings%/*}/environment"
    fi
    output=$(limit=120 as_user "$python" -I "$job/environments.py" register --home "$home" --team "$TRAINYARD_TEAM" \
        "${kernel[@]}" 2>&1)
    code=$?
    [ -z "$output" ] || echo "$output"
    ((code == 0)) || note=${output##*$'\n'}
    return "$code"
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
