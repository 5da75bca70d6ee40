#!/bin/sh
# After the files are gone. What people wrote is kept unless the package is purged,
# and the secrets with it; RPM knows no purge, so there they are always kept.
set -e

if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
	rm -rf /etc/longwire/credentials /var/lib/private/longwire
	rm -f /var/lib/longwire # a link to the folder above
	rmdir /etc/longwire 2>/dev/null || true
	rm -f /etc/systemd/system/multi-user.target.wants/longwire.service
fi
