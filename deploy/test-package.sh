#!/usr/bin/env bash
# Tries the Debian package as a new user would, on a clean Debian that systemd boots
# in a container of its own, without a network: from apt install to the first answer,
# and then what the unit promises. It prints the commands and how long they took.
#
#   make packages && sudo deploy/test-package.sh [dist/longwire_…_amd64.deb]
#
# It needs mmdebstrap or debootstrap, systemd-nspawn (systemd-container), go, and the
# network once, for Debian itself: ROOT=clean.tar keeps that.
set -euo pipefail
cd "$(dirname "$0")/.."

package=${1:-$(ls -t dist/longwire_*_"$(dpkg --print-architecture)".deb | head -1)}
work=$(mktemp -d /var/tmp/longwire-package.XXXXXX)
trap 'rm -rf --one-file-system "$work"' EXIT
root=$work/root
mkdir -p "$root"

if [ ! -s "${ROOT:-}" ]; then
	ROOT=${ROOT:-$work/clean.tar}
	if command -v mmdebstrap >/dev/null; then
		mmdebstrap --quiet --variant=minbase --include=systemd,systemd-sysv bookworm "$ROOT"
	else
		debootstrap --variant=minbase --include=systemd,systemd-sysv bookworm "$work/debian" >/dev/null
		tar -C "$work/debian" -cf "$ROOT" .
	fi
fi
tar -C "$root" -xf "$ROOT"

mkdir -p "$root/trial"
cp "$package" "$root/trial/longwire.deb"
CGO_ENABLED=0 go build -o "$root/trial/trial" ./deploy/trial
cp deploy/package/trial.sh "$root/trial/"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
Description=What a new user does
[Service]
Type=oneshot
ExecStart=/bin/bash /trial/trial.sh
StandardOutput=append:/trial/output
StandardError=inherit
ExecStopPost=/bin/systemctl poweroff --no-block
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /etc/systemd/system/trial.service "$root/etc/systemd/system/multi-user.target.wants/"

timeout -s KILL 300 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory "$root" --boot \
	</dev/null >"$work/console" 2>&1 || true
cat "$root/trial/output"
if [ ! -e "$root/trial/passed" ]; then
	echo "test-package: failed; the end of the console:" >&2
	tail -20 "$work/console" >&2
	exit 1
fi
