#!/bin/bash
# run.sh SECONDS SEED PROGRAM... - lets each fuzzer run for so long, as many at a time as there are processors; what it finds is shown and kept.
# A seed, an empty folder and no second look at it repeat a walk, so that who sees a failure can see it again (nearly so for the
# encoder's, whose files have other numbers each time); seed 0 is another walk each time, and keeps what it has learnt.
# SPDX-License-Identifier: MIT
set -u
seconds=$1 seed=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
# Addresses that differ from run to run would lead the walk elsewhere; some containers forbid to fix them.
fixed=
! setarch -R true 2>/dev/null || fixed="setarch -R"
export seconds seed fixed here

one() {
	name=$(basename "$1")
	work=$(dirname "$1")/$name.work
	[ "$seed" = 0 ] || rm -rf "$work"
	mkdir -p "$work/corpus" "$work/found"
	seeds=
	[ ! -d "$here/corpus/$name" ] || seeds=$here/corpus/$name
	# shellcheck disable=SC2086
	timeout $((seconds + 90)) $fixed "$1" -seed="$seed" -reload=0 -max_total_time="$seconds" -timeout=30 -rss_limit_mb=1024 \
		-artifact_prefix="$work/found/" -verbosity=0 -print_final_stats=1 "$work/corpus" $seeds \
		>"$work/log" 2>&1
	echo $? >"$work/status"
}
export -f one
for program; do
	rm -f "$(dirname "$program")/$(basename "$program").work/status"
done
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one

for program; do
	name=$(basename "$program")
	work=$(dirname "$program")/$name.work
	if [ "$(cat "$work/status" 2>/dev/null)" = 0 ]; then
		passed=$((passed + 1))
		echo "fuzz: $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/log") runs"
	else
		failed=$((failed + 1))
		grep -v 'Uses: ' "$work/log" | tail -n 60
		for found in "$work/found"/*; do
			[ ! -f "$found" ] || echo "fuzz: $name: input, base64: $(head -c 4096 "$found" | base64 -w 0)"
		done
		echo "fuzz: $name failed: $(grep -m 1 -E 'ERROR|SUMMARY' "$work/log"); the input is in $work/found"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
