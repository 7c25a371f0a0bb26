#!/bin/bash
# assemble.sh OUT - the page as one file that asks for nothing outside: its style and its program within, named by their hashes.
# SPDX-License-Identifier: MIT
set -eu
cd "$(dirname "$0")"
scripts='pprof.js graph.js units.js flame.js table.js moments.js charts.js panel.js live.js page.js'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What a browser compares: the hash of what stands between the tags, to the byte.
hash_of() {
	printf '%b' "$(sha256sum "$1" | cut -c1-64 | sed 's/../\\x&/g')" | base64
}

{
	echo "'use strict';"
	echo '(() => {'
	# shellcheck disable=SC2086
	cat $scripts
	echo '})();'
} >"$work/script"
cp page.css "$work/style"
if grep -nF '</' "$work/script" "$work/style"; then
	echo 'assemble.sh: that would end the tag' >&2
	exit 1
fi
policy="default-src 'none'; script-src 'sha256-$(hash_of "$work/script")'; style-src 'sha256-$(hash_of "$work/style")'; connect-src 'self'; base-uri 'none'; form-action 'none'"
while IFS= read -r line || [ -n "$line" ]; do
	case $line in
	*@POLICY@*) printf '%s%s%s\n' "${line%%@POLICY@*}" "$policy" "${line##*@POLICY@}" ;;
	*@STYLE@*)
		printf '%s' "${line%%@STYLE@*}"
		cat "$work/style"
		printf '%s\n' "${line##*@STYLE@}"
		;;
	*@SCRIPT@*)
		printf '%s' "${line%%@SCRIPT@*}"
		cat "$work/script"
		printf '%s\n' "${line##*@SCRIPT@}"
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <page.html >"$1"
