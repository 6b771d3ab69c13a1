#!/bin/bash
# What the steps of the job record, and how people see it: a status, a page and the log, all three on the volume.
journal="$run/journal"
note=''
LOG_BYTES=1000000

# What a step, or the beginning of its name, is called on the page.
declare -A titles=(
    ["backup"]='Backup of your files'
    ["environment"]='Environment'
    ["environments"]='Environments'
    ["file-system"]='File system'
    ["hook"]='Your own hook'
    ["idle-stop"]='Idle stop'
    ["kernels"]='Kernels of the environments'
    ["motd"]='Greeting of terminals'
    ["packages"]='Packages of your team'
    ["repository"]='Repository'
    ["sdk"]='Settings of the SageMaker SDK'
    ["volume"]='Room on the volume'
)
again='Then stop and start the instance.'
platform='Stop and start the instance; if it fails again, tell your platform team.'
# What to do when it fails.
declare -A advice=(
    ["backup"]="Nothing that was in the backup before is lost. $platform"
    ["environment"]="If it was built before, the last good one stays in use. Correct its specification. $again"
    ["environments"]="Environments that were built before stay in use. $platform"
    ["file-system"]="Its folder is empty. $platform"
    ["hook"]="See \`.trainyard/hook.log\` and correct \`.trainyard/on_start.sh\`. $again"
    ["idle-stop"]="The instance does not stop by itself: stop it when you leave. $platform"
    ["kernels"]="$platform"
    ["motd"]="Only a text is missing. $platform"
    ["packages"]="Those of the last start are in use, if there were any. $platform"
    ["repository"]="What you have of it is as you left it. $platform"
    ["sdk"]="The SDK does not know the team's network, keys and role. $platform"
    ["volume"]="Delete what you no longer need. $again"
)

begin() {
    mkdir -p "$run" "${log%/*}"
    : >"$journal"
    trap interrupted TERM
    record bootstrap running
    # Without the lock, which it would hold beyond the end of a job that is killed.
    follow 9>&- &
    follower=$!
}

# record NAME STATE: names of users' files may hold anything, and one line is one line.
record() {
    local name=${1//[[:cntrl:]]/?} told=${note//[[:cntrl:]]/ }
    printf '%s\t%s\t%s\t%s\n' "$(now)" "$2" "$name" "$told" >>"$journal"
    echo "$(now) $2 $name${told:+: $told}"
    report
}

# The last line of every step, in the order in which the steps began.
latest() {
    local -A last
    local -a names=()
    local line time state name
    while IFS= read -r line; do
        IFS=$'\t' read -r time state name _ <<<"$line"
        [ -n "${last["$name"]:-}" ] || names+=("$name")
        last["$name"]=$line
    done <"$journal"
    for name in "${names[@]}"; do
        echo "${last["$name"]}"
    done
}

# status LATEST
status() {
    local time state name note
    while IFS=$'\t' read -r time state name note; do
        echo "$time $state $name${note:+: $note}"
    done <<<"$1"
}

# section LATEST STATE HEADING
section() {
    local time state name note kind each heading=$3
    while IFS=$'\t' read -r time state name note; do
        [ "$state" = "$2" ] && [ "$name" != bootstrap ] || continue
        [ -z "$heading" ] || printf '\n## %s\n\n' "$heading"
        heading='' kind=$name
        for each in environment file-system repository; do
            [[ $name != "$each"-* ]] || kind=$each
        done
        name=${name#"$kind"}
        # Of -fsx-NAME the folder, /fsx/NAME.
        [ "$kind" != file-system ] || name=${name/-/\/} name=${name/-/\/}
        printf -- '- %s%s%s\n' "${titles[$kind]:-$kind}" "${name:+ \`${name#-}\`}" "${note:+: $note}"
        [ "$state" != failed ] || printf '  - %s\n' "${advice[$kind]:-$platform}"
    done <<<"$1"
}

# show_page LATEST
show_page() {
    local time state name note
    IFS=$'\t' read -r time state name note <<<"$1"
    printf '%s\n\n' "$title"
    case $state in
    ok) printf '**Ready** since %s.\n' "$time" ;;
    running)
        printf '**Being prepared** since %s. You can work meanwhile; this page changes as it goes on.\n' "$time"
        ;;
    *) printf '**Not all is ready**: %s, at %s. Your files are as you left them.\n' "$note" "$time" ;;
    esac
    section "$1" failed 'What failed'
    section "$1" running 'What is still going on'
    [ "$state" = ok ] || section "$1" ok 'What is ready'
    # shellcheck disable=SC2016  # Markdown
    printf '\nThe log is `~/SageMaker/.trainyard/bootstrap.log`.\n'
}

# One at a time, so that the last word stays; on its own, as the end of the job may come in the middle of it.
report() (
    exec 8>"$run/report.lock"
    flock -w 90 8
    steps=$(latest)
    status "$steps" >"$run/status"
    show_page "$steps" >"$run/BOOTSTRAP_STATUS.md"
    tail -c "$LOG_BYTES" "$log" >"$run/bootstrap.log"
    publish "$run/bootstrap.log"
)

send_log() { with_settings python3 -I "$job/send_log.py" bootstrap --region "$TRAINYARD_REGION"; }

# What a long step says is seen before it ends. The read waits as a `sleep` would, but is no process, which would stay
# when this one is killed.
follow() {
    while kill -0 $$; do
        read -rt 20 <> <(:)
        report
        send_log
    done
}

# A step may set `note`, which stands behind its name in the status.
step() {
    local name=$1
    shift
    note=''
    record "$name" running
    if "$@"; then record "$name" ok; else record "$name" failed; fi
    note=''
}

# result NAME STATE NOTE: of one of the things that a step does.
result() {
    local note=$3
    record "$1" "$2"
}

finish() {
    local failed
    kill "$follower"
    wait "$follower"
    failed=$(latest | grep -c $'^[^\t]*\tfailed\t')
    note="$failed failed"
    if [ "$failed" = 0 ]; then
        note=''
        record bootstrap ok
    else
        record bootstrap failed
    fi
    send_log
}

# By systemd, when it takes too long or when the instance stops.
interrupted() {
    local name
    while IFS=$'\t' read -r _ _ name _; do
        result "$name" failed 'interrupted'
    done < <(latest | grep $'^[^\t]*\trunning\t')
    kill "$follower"
    send_log
    exit 1
}
