#!/bin/bash
# The environments of the team and of the user: environments.py builds them, this calls it.

fetch_packages() {
    if [ -z "$TRAINYARD_PACKAGES" ]; then
        note='no packages'
        return 0
    fi
    as_user aws s3 sync --only-show-errors --delete --region "$TRAINYARD_REGION" "$TRAINYARD_PACKAGES" "$packages"
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

build_environments() { :; }

register_kernels() { :; }
