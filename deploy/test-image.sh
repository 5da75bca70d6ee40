#!/usr/bin/env bash
# Tries the container image without a container engine: it looks at what the image
# says of itself, unpacks it and runs it as its user, without privileges, on a root
# that is read-only and a network of its own, up to the first answer.
#
#   make image && sudo deploy/test-image.sh [dist/longwire-amd64.tar]
#
# It needs jq, unshare and setpriv (util-linux), ip (iproute2) and go.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
	echo "FAILED: $*"
	exit 1
}

if [ "${1:-}" != --inside ]; then
	archive=${1:-dist/longwire-$(go env GOARCH).tar}
	work=$(mktemp -d /var/tmp/longwire-image.XXXXXX)
	trap 'rm -rf --one-file-system "$work"' EXIT
	mkdir "$work/image" "$work/root"
	tar -C "$work/image" -xf "$archive"
	cd "$work/image"
	says=$(cat "$(jq -r '.[0].Config' manifest.json)")
	echo "$says" | jq -c '.config | {User, Entrypoint, Cmd, WorkingDir, Volumes, Env, Healthcheck}'
	[ "$(echo "$says" | jq -r .config.User)" = 65532:65532 ] || fail "it runs as root"
	[ "$(echo "$says" | jq -r '.config.ExposedPorts // empty')" = "" ] || fail "it exposes ports"
	[ "$(echo "$says" | jq -r '.config.Healthcheck.Test | join(" ")')" = "CMD /longwire health" ] || fail "it has no health check"
	for layer in $(jq -r '.[0].Layers[]' manifest.json); do tar -C "$work/root" -xf "$layer"; done
	cd - >/dev/null
	echo "files: $(cd "$work/root" && find . -type f | sort | xargs)"
	[ "$(stat -c %u:%g "$work/root/data")" = 65532:65532 ] || fail "/data is not the user's"
	CGO_ENABLED=0 go build -o "$work/trial" ./deploy/trial
	WORK=$work unshare --mount --mount-proc --net --pid --ipc --fork --kill-child "$0" --inside
	exit
fi

root=$WORK/root
ip link set lo up
mkdir -p "$root/etc/longwire" "$root/run/secrets" "$root/proc" "$WORK/config" "$WORK/secrets" "$WORK/data"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind "$WORK/config" "$root/etc/longwire"
mount --bind "$WORK/secrets" "$root/run/secrets"
mount --bind "$WORK/data" "$root/data"
chown 65532:65532 "$WORK/data"

cd "$WORK"
./trial --config config/config.yaml --credentials secrets >answers 2>&1 &
trial=$!
until [ -s config/config.yaml ]; do sleep 0.1; done
chown 65532 secrets/*
mount -o remount,bind,ro "$root"

# contained runs a program as the image says: its user, its environment, no way to
# become more.
contained() {
	exec env -i PATH="$PATH" TMPDIR=/data CREDENTIALS_DIRECTORY=/run/secrets \
		setpriv --no-new-privs chroot --userspec=65532:65532 "$root" "$@"
}
began=$EPOCHREALTIME
(contained /longwire version)
(contained /longwire run --config /etc/longwire/config.yaml) >log 2>&1 &
program=$!
wait $trial || { cat answers log; fail "no answer"; }
cat answers
awk "BEGIN { printf \"from the start to the second answer: %.1f s\n\", $EPOCHREALTIME - $began }"
(contained /longwire health) && fail "healthy without its platforms"
(contained /longwire health --live >/dev/null) || fail "it answers, and is not live"
grep -E "^(Uid|CapEff|NoNewPrivs)" "/proc/$program/status" | xargs
[ "$(awk '/^CapEff/ { print $2 }' "/proc/$program/status")" = 0000000000000000 ] || fail "it has capabilities"
kill -TERM $program
wait $program || fail "it did not stop cleanly"
echo "all is as promised"
