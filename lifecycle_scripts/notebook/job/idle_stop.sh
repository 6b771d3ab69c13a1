#!/bin/bash
# The idle stop, as a timer of systemd.

install_idle_stop() {
    local units="$root/etc/systemd/system"
    if [ "$TRAINYARD_IDLE_MINUTES" = 0 ]; then
        note='off'
        return 0
    fi
    mkdir -p "$units" "${log%/*}"
    # TimeoutStartSec: a user who makes one run hang does not hang all that follow. ExecStopPost: after a failure too.
    cat >"$units/trainyard-idle-stop.service" <<END
[Unit]
Description=Stop this notebook instance when it is idle

[Service]
Type=oneshot
TimeoutStartSec=2min
TimeoutStopSec=2min
StandardOutput=append:${log%/*}/idle-stop.log
StandardError=inherit
ExecStart=$root/usr/bin/python3 -I $job/idle_stop.py --minutes $TRAINYARD_IDLE_MINUTES --region $TRAINYARD_REGION
ExecStopPost=-$root/usr/bin/python3 -I $job/send_log.py idle-stop --region $TRAINYARD_REGION --rotate
END
    cat >"$units/trainyard-idle-stop.timer" <<END
[Unit]
Description=Look every five minutes whether this notebook instance is idle

[Timer]
OnCalendar=*:0/5
AccuracySec=30s

[Install]
WantedBy=timers.target
END
    timeout 60 systemctl daemon-reload && timeout 60 systemctl enable --now trainyard-idle-stop.timer
}
