#!/bin/bash
# run.sh SECONDS PROGRAM... - lets each fuzzer run for so long, as many at a time as there are processors; what it finds is shown and kept.
# SPDX-License-Identifier: MIT
set -u
seconds=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
passed=0 failed=0
export seconds here

one() {
	name=$(basename "$1")
	work=$(dirname "$1")/$name.work
	mkdir -p "$work/corpus" "$work/found"
	seeds=
	[ ! -d "$here/corpus/$name" ] || seeds=$here/corpus/$name
	# shellcheck disable=SC2086
	timeout $((seconds + 60)) "$1" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 \
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
		tail -n 40 "$work/log"
		echo "fuzz: $name failed; the input is in $work/found"
	fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
