#!/bin/bash
# The idle stop, as a timer of systemd.

install_idle_stop() {
    local units="$root/etc/systemd/system"
    if [ "$TRAINYARD_IDLE_MINUTES" = 0 ]; then
        note='off'
        return 0
    fi
    mkdir -p "$units"
    # TimeoutStartSec: a user who makes one run hang does not hang all that follow.
    cat >"$units/trainyard-idle-stop.service" <<END
[Unit]
Description=Stop this notebook instance when it is idle

[Service]
Type=oneshot
TimeoutStartSec=2min
ExecStart=$root/usr/bin/python3 -I $job/idle_stop.py --minutes $TRAINYARD_IDLE_MINUTES --region $TRAINYARD_REGION
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
    systemctl daemon-reload && systemctl enable --now trainyard-idle-stop.timer
}
