#!/bin/bash
# steps.sh NAME=COMMAND... - runs the steps one after another and sums what they report.
# SPDX-License-Identifier: MIT
# A step that ends with "N passed, N failed" is counted by that line; any other is one test, which
# passes when its command does. A command that fails is at least one failure.
set -u
passed=0 failed=0 wrong=
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

for step; do
	name=${step%%=*} command=${step#*=} began=$SECONDS
	echo "== $name"
	bash -c "$command" 2>&1 | tee "$tmp"
	status=${PIPESTATUS[0]}
	if [[ $(grep -v '^make' "$tmp" | tail -n 1) =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		p=${BASH_REMATCH[1]} f=${BASH_REMATCH[2]}
	else
		p=1 f=0
		[ "$status" -eq 0 ] || { p=0 f=1; }
	fi
	if [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	fi
	[ "$f" -eq 0 ] || wrong="$wrong $name"
	passed=$((passed + p)) failed=$((failed + f))
	echo "== $name: $p passed, $f failed, $((SECONDS - began)) s"
done
[ -z "$wrong" ] || echo "failed:$wrong"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
