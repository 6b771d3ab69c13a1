#!/bin/bash
# Copies the volume to S3, as the user. Nothing is deleted there: what was there once stays until somebody deletes it.
# The marker that it writes at its end says how it went:
#   {"started": TIME, "ended": TIME, "files": NUMBER, "bytes": NUMBER, "exit_code": NUMBER}
# Times are UTC; files and bytes are what the volume had before; 0 and 2 mean that all is copied that could be read.
set -u
source notebook/library.sh
# shellcheck source=/dev/null
source "$settings"
# The AWS CLI reads file names in this locale.
export LC_ALL=C.UTF-8
marker=.trainyard-backup.json
# What any start makes anew.
anew=(environments packages tools cache clones)

encryption=()
[ -z "$TRAINYARD_BACKUP_KEY" ] || encryption=(--sse aws:kms --sse-kms-key-id "$TRAINYARD_BACKUP_KEY")

count() {
    local left_out=() folder size
    for folder in "${anew[@]}"; do
        left_out+=(-path "$state/$folder" -prune -o)
    done
    files=0 bytes=0
    while read -r size; do
        ((files += 1, bytes += size))
    done < <(find "$home/SageMaker" "${left_out[@]}" -type f -printf '%s\n')
}

# Its code 2: files were left out that vanished meanwhile, that cannot be read, or that are pipes or sockets.
# https://docs.aws.amazon.com/cli/latest/topic/return-codes.html
copy() {
    local left_out=(--exclude "$marker") how=(sync) folder
    for folder in "${anew[@]}"; do
        left_out+=(--exclude ".trainyard/$folder/*")
    done
    # sync passes over a file that changed and kept its size, if it is not newer than its copy. A teardown removes the
    # marker, so that nothing is passed over in the last backup.
    aws s3 ls --region "$TRAINYARD_REGION" "$1/$marker" >/dev/null || how=(cp --recursive)
    code=0
    aws s3 "${how[@]}" --only-show-errors --no-follow-symlinks --region "$TRAINYARD_REGION" "${encryption[@]}" \
        "${left_out[@]}" "$home/SageMaker" "$1" || code=$?
    ((code == 0 || code == 2))
}

# The log too, which the copy has as it was before.
mark() {
    aws s3 cp --only-show-errors --region "$TRAINYARD_REGION" "${encryption[@]}" "$state/backup.log" \
        "$1/.trainyard/backup.log" || return
    printf '{"started": "%s", "ended": "%s", "files": %d, "bytes": %d, "exit_code": %d}\n' \
        "$started" "$(now)" "$files" "$bytes" "$code" |
        aws s3 cp --only-show-errors --region "$TRAINYARD_REGION" "${encryption[@]}" - "$1/$marker"
}

mkdir -p "$state"
exec 9>"$state/backup.lock"
if ! flock -n 9; then
    say 'a backup is running'
    exit 0
fi
exec >"$state/backup.log" 2>&1
name=$(instance_name) || exit 1
started=$(now)
count
retry 3 copy "$TRAINYARD_BACKUP/$name"
retry 3 mark "$TRAINYARD_BACKUP/$name" || exit 1
say "$files files, $bytes bytes, exit code $code"
((code == 0 || code == 2))
