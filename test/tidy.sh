#!/bin/bash
# tidy.sh FLAGS... - clang-tidy over all that ships, two files at a time.
# SPDX-License-Identifier: MIT
set -u
cd "$(dirname "$0")/.." || exit 1
export FLAGS="$*"
check() {
	# shellcheck disable=SC2086
	out=$(clang-tidy --quiet "$1" -- $FLAGS 2>/dev/null)
	if [ -n "$out" ]; then
		echo "$out" | head -n 30
		echo "tidy-failed $1"
	else
		echo "tidy-passed $1"
	fi
}
export -f check
result=$(find preload encoder uploader -name '*.c' | sort | xargs -P "$(nproc)" -I {} bash -c 'check {}')
grep -v '^tidy-passed' <<<"$result"
passed=$(grep -c '^tidy-passed' <<<"$result") failed=$(grep -c '^tidy-failed' <<<"$result")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
