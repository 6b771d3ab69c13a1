#!/bin/sh
# For every terminal: the team's variables, and once where one is. Jupyter starts terminals as login shells of sh, which
# read /etc/profile.d; so do interactive shells of bash.
# https://github.com/jupyter-server/jupyter_server_terminals/blob/main/jupyter_server_terminals/app.py
if [ -z "${TRAINYARD_TERMINAL:-}" ]; then
    export TRAINYARD_TERMINAL=1
    if [ -r "${TRAINYARD_ROOT:-}/etc/trainyard/environment" ]; then
        while IFS= read -r trainyard_line; do
            export "${trainyard_line?}"
        done <"${TRAINYARD_ROOT:-}/etc/trainyard/environment"
        unset trainyard_line
    fi
    case $- in
    *i*) bash "${TRAINYARD_ROOT:-}/usr/local/lib/trainyard/job/motd.sh" 2>/dev/null ;;
    esac
fi
