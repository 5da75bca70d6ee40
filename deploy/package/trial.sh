#!/usr/bin/env bash
# What deploy/test-package.sh runs inside the clean Debian, as root.
set -euo pipefail
cd /trial
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# try prints a command, runs it and says how long it took; its result is the command's.
try() {
	local began=$EPOCHREALTIME result=0
	echo "$ $*"
	"$@" >try.log 2>&1 || result=$?
	sed 's/.*\r//; /^ *$/d; s/^/    /' try.log
	awk "BEGIN { printf \"  (%.1f s)\n\", $EPOCHREALTIME - $began }"
	return $result
}
fail() {
	echo "FAILED: $*"
	journalctl --no-pager -u longwire -n 30 || true
	exit 1
}
shows() { systemctl show -P "$1" longwire; }
# comes waits until a property of the unit has a value.
comes() { # PROPERTY VALUE SECONDS
	local end=$((SECONDS + $3))
	until [ "$(shows "$1")" = "$2" ]; do
		[ $SECONDS -lt $end ] || fail "$1 is $(shows "$1") after $3 s, not $2"
		sleep 0.1
	done
}

began=$EPOCHREALTIME
try apt-get install -qq -y --no-install-recommends ./longwire.deb
try longwire sandbox --say hello
awk "BEGIN { printf \"from the package to the first answer: %.1f s\n\", $EPOCHREALTIME - $began }"

echo; echo "== not set up: it says what is missing and does not spin"
[ "$(systemctl is-enabled longwire)" = disabled ] || fail "installed and started"
systemctl start longwire && fail "it starts without a configuration"
[ "$(shows ExecMainStatus) $(shows NRestarts)" = "2 0" ] || fail "exit $(shows ExecMainStatus), $(shows NRestarts) restarts"
journalctl --no-pager -o cat -u longwire | grep -E "problem|config.yaml:" | sed 's/^/    /'

echo; echo "== the installed service answers on both platforms"
./trial --stay >answers 2>&1 &
trial=$!
until grep -q parrot /etc/longwire/config.yaml; do sleep 0.1; done
try systemctl enable --now longwire
for _ in $(seq 300); do grep -q feishu: answers && break; sleep 0.1; done
sed 's/^/    /' answers
grep -q "feishu: Hello" answers || fail "no answer"
comes StatusText running 20
[ "$(stat -c %u "/proc/$(shows MainPID)")" != 0 ] || fail "it runs as root"
[ "$(stat -Lc %a /var/lib/longwire)" = 700 ] || fail "the store is open to others"
setpriv --reuid=65534 --clear-groups cat /etc/longwire/credentials/feishu_app_secret 2>/dev/null && fail "others read the secrets"
# The secrets are root's files, where the configuration looks for them when told.
export CREDENTIALS_DIRECTORY=/etc/longwire/credentials
try longwire check
try longwire health || fail "health"
unset CREDENTIALS_DIRECTORY
systemd-analyze security longwire --no-pager | tail -1
systemd-analyze security longwire --no-pager --threshold=15 >/dev/null || fail "exposed"

echo; echo "== killed: it comes back"
kill -9 "$(shows MainPID)"
comes NRestarts 1 10
comes ActiveState active 10
comes StatusText running 20

echo; echo "== frozen: the watchdog notices (here with 3 s instead of 30)"
mkdir -p /run/systemd/system/longwire.service.d
printf '[Service]\nWatchdogSec=3\nTimeoutAbortSec=2\n' >/run/systemd/system/longwire.service.d/trial.conf
systemctl daemon-reload
systemctl restart longwire
comes StatusText running 20
kill -STOP "$(shows MainPID)"
comes NRestarts 1 20
comes StatusText running 20
journalctl --no-pager -o cat -u longwire | grep -i "watchdog timeout" | tail -1 | sed 's/^/    /'
rm -r /run/systemd/system/longwire.service.d
systemctl daemon-reload

echo; echo "== reloaded: the same process goes on"
pid=$(shows MainPID)
try systemctl reload longwire
comes ActiveState active 10
[ "$(shows MainPID)" = "$pid" ] || fail "a reload is a restart"
comes StatusText running 20

echo; echo "== upgraded: it runs anew, with the configuration that is there"
pid=$(shows MainPID)
cp /etc/longwire/config.yaml before.yaml
try dpkg -i longwire.deb
comes ActiveState active 10
comes StatusText running 20
[ "$(shows MainPID)" != "$pid" ] || fail "the old program still runs"
cmp before.yaml /etc/longwire/config.yaml || fail "the configuration was replaced"

echo; echo "== stopped: in time"
try systemctl stop longwire
[ "$(shows Result)" = success ] || fail "the end was $(shows Result)"
kill $trial; wait $trial || true

cp /usr/bin/longwire program
echo; echo "== removed, then purged: nothing is left"
try apt-get remove -qq -y longwire
[ -e /etc/longwire/credentials/feishu_app_secret ] && [ -e /var/lib/private/longwire ] || fail "remove took what belongs to the user"
try apt-get purge -qq -y longwire
left=$(find /etc /usr /var/lib -path '*longwire*' -not -path '/var/lib/dpkg/*' -not -path '/var/lib/systemd/*' || true)
[ -z "$left" ] || fail "left: $left"
systemctl list-unit-files | grep longwire && fail "the unit is left"

echo; echo "== without the package: longwire install"
install -m 755 program /usr/local/bin/longwire
hash -r # bash remembers where the package had it
try longwire install
# Of the manual page that the package would have brought, nothing is to be said.
wrong=$(systemd-analyze verify longwire.service 2>&1 | grep -v "man longwire" || true)
[ -z "$wrong" ] || fail "the unit: $wrong"
systemctl daemon-reload
./trial >answers 2>&1 &
trial=$!
until grep -q parrot /etc/longwire/config.yaml; do sleep 0.1; done
try systemctl enable --now longwire
wait $trial || { cat answers; fail "no answer"; }
longwire install --uninstall && fail "uninstalled while it starts at boot"
try systemctl disable --now longwire
try longwire install --uninstall
[ -e /etc/longwire/credentials/feishu_app_secret ] || fail "the secrets are gone"
touch passed
echo "all is as promised"
