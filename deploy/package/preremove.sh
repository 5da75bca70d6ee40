#!/bin/sh
# Before the files go. Debian says "remove" or "upgrade"; RPM how many versions will
# be left. An upgrade leaves the program running: the restart comes after it.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
	systemctl disable --now longwire.service || true
fi
