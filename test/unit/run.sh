#!/bin/bash
# run.sh PROGRAM... - runs the unit tests, as many at a time as there are processors, shows only what failed, and sums.
#
# Who fails beside others is shown and tried once more, alone, as the run tests are: some have bounds that chance may miss, and
# a machine may be too busy. What a sanitizer reports is a fault, and so is a crash, however often it does not come: cmocka takes
# SIGSEGV before a sanitizer does, and calls it an exception; glibc aborts where malloc finds damage.
# SPDX-License-Identifier: MIT
set -u
passed=0 failed=0
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export tmp

one() {
	name=$(basename "$1")
	timeout -k 10 400 "$1" >"$tmp/$name.out" 2>&1
	echo $? >"$tmp/$name.status"
}
export -f one
printf '%s\0' "$@" | xargs -0 -n 1 -P "$(nproc)" bash -c 'one "$1"' one

# 0, or a sanitizer's report or a crash: by SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS.
is_final() {
	case $(cat "$tmp/$1.status") in
	0 | 132 | 134 | 135 | 136 | 139 | 159) return 0 ;;
	esac
	grep -q 'Sanitizer\|runtime error\|failed with exception' "$tmp/$1.out"
}

for program; do
	name=$(basename "$program")
	is_final "$name" && continue
	grep -A 20 'ERROR\|LINE' "$tmp/$name.out" | head -n 40
	echo "unit: $name: second try (status $(cat "$tmp/$name.status"))"
	one "$program"
done

for program; do
	out=$tmp/$(basename "$program").out
	status=$(cat "$tmp/$(basename "$program").status" 2>/dev/null || echo 127)
	ran=$(sed -n 's/^\[==========\] \([0-9]*\) test(s) run\..*/\1/p' "$out" | tail -n 1)
	good=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test(s)\..*/\1/p' "$out" | tail -n 1)
	skip=$(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test(s).*/\1/p' "$out" | tail -n 1)
	good=${good:-0} skip=${skip:-0} bad=$((${ran:-0} - good - skip))
	# A program that died, or ran nothing, has failed whatever it printed before.
	if [ "$bad" -lt 1 ] && { [ "$status" -ne 0 ] || [ "${ran:-0}" -eq 0 ]; }; then
		bad=1
	fi
	if [ "$bad" -gt 0 ]; then
		tail -n 60 "$out"
		echo "unit: $(basename "$program"): $bad failed (status $status)"
	fi
	[ "$skip" -eq 0 ] || echo "unit: $(basename "$program"): $skip skipped"
	passed=$((passed + good)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
