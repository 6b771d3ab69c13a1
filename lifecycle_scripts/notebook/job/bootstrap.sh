#!/bin/bash
# Prepares a notebook instance in the background of its start. A step that fails is recorded and does not stop the others.
set -u
umask 022
source notebook/library.sh
# shellcheck source=/dev/null
source "$settings"
job="$lib/job"
packages="$state/packages"
source notebook/job/steps.sh
source notebook/job/idle_stop.sh
source notebook/job/file_systems.sh
source notebook/job/environments.sh
source notebook/job/volume.sh
source notebook/job/work.sh

# systemd tries again what does not end well.
echo >>"$run/attempts"
(($(grep -c '' "$run/attempts") <= 3)) || exit 0
begin
# What kernels take their variables from, then those of the environments that are there: before anything that may hang.
step sdk configure_sdk
step kernels register_kernels
step idle-stop install_idle_stop
step motd write_motd
step volume check_volume
# Beside the rest: a file system that cannot be reached must not keep anybody from a kernel.
mount_file_systems &
file_systems=$!
step packages fetch_packages
step environments build_environments
step kernels register_kernels
clone_repositories
step hook run_hook
step backup install_backup
wait "$file_systems"
finish
