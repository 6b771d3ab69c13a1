#!/bin/bash
# The volume: on a full one nothing can be built or told.
ROOM=100

check_volume() {
    local free
    free=$(timeout 20 df --output=avail --block-size=M "$home/SageMaker") || return
    free=${free//[!0-9]/}
    note="$free MB free"
    ((free >= ROOM))
}
