#!/bin/sh
# After the files are there, in both package formats. Debian says "configure" and the
# version before, if any; RPM says how many versions are installed now.
set -e

upgrade=
case "$1" in
configure) [ -z "$2" ] || upgrade=yes ;;
abort-*) exit 0 ;;
[0-9]*) [ "$1" -lt 2 ] || upgrade=yes ;;
esac

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
	if [ -n "$upgrade" ]; then
		# Only where it runs: what is not set up is not started. Running turns finish
		# first, the rest waits in the store for the new program.
		systemctl try-restart longwire.service || true
	fi
fi

if [ -z "$upgrade" ]; then
	cat <<'TEXT'

Longwire is installed. To try it without an account / 无需账号即可试用:
  longwire sandbox --say "hello"
To go live / 正式使用:
  1. sudoedit /etc/longwire/config.yaml
  2. sudo install -m 600 /dev/stdin /etc/longwire/credentials/dingtalk_client_secret
     (feishu_app_secret, model_api_key: likewise / 同理; Ctrl-D)
  3. sudo CREDENTIALS_DIRECTORY=/etc/longwire/credentials longwire check --config /etc/longwire/config.yaml
  4. sudo CREDENTIALS_DIRECTORY=/etc/longwire/credentials longwire doctor --config /etc/longwire/config.yaml
     (goes the way of a message step by step, and says what to do / 逐步检查并给出做法)
  5. sudo systemctl enable --now longwire
TEXT
fi
