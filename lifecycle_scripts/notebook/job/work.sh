#!/bin/bash
# What people find when they begin to work. What touches their files is in programs of its own, run as the user:
# repository.sh, hook.sh, backup.sh.

# Kernels and terminals take the variables from a file, a line each.
configure_sdk() {
    local variables="${settings%/*}/environment"
    with_settings python3 -I "$job/sdk_config.py" "$root/etc/xdg/sagemaker/config.yaml" || return 1
    with_settings python3 -I "$job/sdk_config.py" environment >"$variables.new" || return 1
    mv -f "$variables.new" "$variables" && keep "$job/trainyard_variables.py" "$home/.ipython/profile_default/startup"
}

# with_settings COMMAND...: with the settings in its environment.
with_settings() (
    # shellcheck disable=SC2163  # what it expands to are the names
    export "${!TRAINYARD_@}"
    exec timeout -k 5 60 "$@"
)

write_motd() {
    local file="$root/etc/profile.d/trainyard.sh"
    mkdir -p "${file%/*}"
    cp "$job/terminal.sh" "$file.new" && mv -f "$file.new" "$file"
}

clone_repositories() {
    local entry repositories
    read -ra repositories <<<"$TRAINYARD_REPOSITORIES"
    for entry in "${repositories[@]}"; do
        step "repository-${entry%%=*}" clone_repository "${entry%%=*}" "${entry#*=}"
    done
}

clone_repository() {
    note=$(as_user timeout -k 10 15m bash "$job/repository.sh" "$home/SageMaker/$1" "$state/clones/$1" "$2")
}

# As a unit of its own: it has no descriptor and no variable of this job, and what it leaves in the background may stay
# when this job ends. Once in a start, however often this job is tried.
run_hook() {
    local code=0
    if [ -e "$run/hook" ]; then
        note='begun before; see hook.log'
        return 0
    fi
    if ! limit=20 as_user test -e "$state/on_start.sh"; then
        note='none'
        return 0
    fi
    touch "$run/hook"
    systemd-run --quiet --wait --collect --unit="trainyard-hook-$$" --uid=ec2-user --setenv=PATH="$PATH" \
        --property=KillMode=process --property=WorkingDirectory="$home/SageMaker" \
        "$(command -v timeout)" -k 10 "${TRAINYARD_HOOK_MINUTES}m" "$(command -v bash)" "$job/hook.sh" "$state" || code=$?
    case $code in
    0) note='exit code 0' ;;
    124 | 137) note="stopped after $TRAINYARD_HOOK_MINUTES minutes; see hook.log" ;;
    *) note="exit code $code; see hook.log" ;;
    esac
    return "$code"
}

install_backup() {
    local units="$root/etc/systemd/system"
    if [ -z "$TRAINYARD_BACKUP" ]; then
        note='off'
        return 0
    fi
    mkdir -p "$units"
    cat >"$units/trainyard-backup.service" <<END
[Unit]
Description=Copy the volume of this notebook instance to S3

[Service]
Type=oneshot
User=ec2-user
Nice=19
IOSchedulingClass=idle
TimeoutStartSec=12h
ExecStart=$root/usr/bin/bash $job/backup.sh
END
    cat >"$units/trainyard-backup.timer" <<END
[Unit]
Description=Copy the volume of this notebook instance to S3 every day

[Timer]
OnCalendar=daily
RandomizedDelaySec=1h

[Install]
WantedBy=timers.target
END
    timeout 60 systemctl daemon-reload &&
        timeout 60 systemctl enable --now trainyard-backup.timer &&
        timeout 60 systemctl start --no-block trainyard-backup.service
}
