#!/bin/bash
# hook.sh STATE: runs the user's own on_start.sh, as the user; what it says goes to hook.log.
hook=$1/on_start.sh log=$1/hook.log
rm -f "$log"
# A reader of its own keeps the log short, and goes on reading for what the hook leaves in the background.
exec </dev/null > >(
    head -c 1000000 >"$log"
    exec cat >/dev/null
) 2>&1
if [ ! -f "$hook" ]; then
    echo "$hook is no file"
    exit 1
fi
if grep -q $'\r$' "$hook"; then
    echo "$hook has lines that end as on Windows: it runs without the carriage returns"
    exec bash <(tr -d '\r' <"$hook")
fi
exec bash "$hook"
