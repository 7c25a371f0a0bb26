#!/bin/sh
# deps.sh GROUP... - installs what packages.txt lists for these groups, if any of it is missing.
# SPDX-License-Identifier: MIT
set -eu
here=$(dirname "$0")

missing=
for package in $(awk -v groups="$*" 'BEGIN { n = split(groups, g, " "); for (i = 1; i <= n; i++) want[g[i]] = 1 }
		/^[^#]/ && want[$1] { print $2 }' "$here/packages.txt" | sort -u); do
	case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true) in
	installed) ;;
	*) missing="$missing $package" ;;
	esac
done
[ -n "$missing" ] || exit 0

echo "deps: installing$missing"
root=
if [ "$(id -u)" -ne 0 ]; then
	command -v sudo >/dev/null || { echo "deps: not root and there is no sudo; install them by hand" >&2; exit 1; }
	root=sudo
fi
[ -n "$(find /var/lib/apt/lists -name '*_Packages*' 2>/dev/null | head -n 1)" ] || $root apt-get -q update
# RUNLEVEL=1: services that come with a package are not started where init scripts are asked.
# shellcheck disable=SC2086
$root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
	apt-get -q -y --no-install-recommends install $missing
# Where systemd runs, what came with them is stopped again: the demo and the tests start their own.
[ -d /run/systemd/system ] || exit 0
for service in redis-server nginx memcached postgresql php-fpm; do
	case "$missing " in
	*" $service"[\ -]*) ;;
	*) continue ;;
	esac
	# php-fpm's unit has the version in its name.
	for unit in $(systemctl list-unit-files --no-legend "$service.service" "${service%-fpm}?.?-fpm.service" | cut -d' ' -f1); do
		$root systemctl --quiet disable --now "$unit" || true
	done
done
