#!/bin/bash
# What people find when they begin to work: where they are, their SDK's settings, their repositories, their own hook.

write_motd() { :; }

configure_sdk() { :; }

clone_repositories() { :; }

run_hook() { :; }

install_backup() { :; }
