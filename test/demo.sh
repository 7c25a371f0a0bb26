#!/bin/bash
# demo.sh BUILD - profiles redis under load and a program with threads, and shows what there is to see.
# SPDX-License-Identifier: MIT
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
out=$build/demo
port=16379
seconds=10
pids=()
cleanup() {
	for pid in "${pids[@]}"; do
		kill "$pid" 2>/dev/null
	done
	rm -rf "$out/redis-data"
}
trap cleanup EXIT
rm -rf "$out"
mkdir -p "$out/redis" "$out/threads" "$out/redis-data"
: >"$out/empty.conf"

fail() {
	echo "demo: $*" >&2
	exit 1
}

# The environment is all that makes the difference to an ordinary start.
profiled() {
	local folder=$1
	shift
	env LD_PRELOAD="$build/libconprof.so" CONPROF_AGENT_SOCKET="dir://$folder" CONPROF_CONFIG="$out/empty.conf" \
		CONPROF_PERIOD=$((seconds - 1)) CONPROF_HEAP_SAMPLE_INTERVAL=65536 CONPROF_EXIT_WAIT=20 "$@"
}

echo "== redis-server under redis-benchmark, about $seconds seconds"
(cd "$out/redis-data" && profiled "$out/redis" redis-server --port $port --save '' --appendonly no \
	--bind 127.0.0.1 --daemonize no >"$out/redis.log" 2>&1) &
for _ in $(seq 50); do
	redis-cli -p $port ping >/dev/null 2>&1 && break
	sleep 0.1
done
redis-cli -p $port ping >/dev/null 2>&1 || fail "redis-server does not answer; see $out/redis.log"
server=$(redis-cli -p $port info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')
pids+=("$server")
end=$((SECONDS + seconds))
while [ $SECONDS -lt $end ]; do
	redis-benchmark -p $port -q -n 60000 -r 100000 -d 200 -t set,get,lpush,sadd,hset,zadd >/dev/null 2>&1
done
redis-cli -p $port shutdown nosave >/dev/null 2>&1
for _ in $(seq 300); do
	kill -0 "$server" 2>/dev/null || break
	sleep 0.1
done

echo "== demo_threads, $seconds seconds"
g++ -O2 -g -pthread -o "$out/demo_threads" "$here/demo_threads.cpp" || fail "demo_threads cannot be built"
profiled "$out/threads" "$out/demo_threads" "$seconds" || fail "demo_threads failed"

# The first file of a kind in a folder: the whole period, with everything still alive. A second, of
# the last moments, follows when the program has ended.
first() {
	local file
	for _ in $(seq 200); do
		file=$(find "$1" -name "$2" -printf '%T@ %p\n' 2>/dev/null | sort -n | head -n 1 | cut -d' ' -f2-)
		[ -n "$file" ] && { echo "$file"; return 0; }
		sleep 0.1
	done
	return 1
}

show() {
	local name=$1 title=$2 pattern=$3 index=$4 file
	shift 4
	file=$(first "$out/$name" "$pattern") || fail "there is no $pattern in $out/$name"
	printf '\n%s of %s\n  %s\n' "$title" "$name" "${file#"$PWD"/}"
	go tool pprof -top -noinlines -nodecount=8 -sample_index="$index" "$@" "$file" 2>"$out/pprof.log" |
		sed -n '/flat%/,$s/^/  /p'
	[ "${PIPESTATUS[0]}" -eq 0 ] || { cat "$out/pprof.log"; fail "go tool pprof cannot read $file"; }
}

for name in redis threads; do
	echo
	echo "== $name"
	show $name "CPU" '*.cpu.pprof' cpu
	show $name "Allocations" '*.heap.pprof' alloc_objects -cum
	show $name "Allocated memory" '*.heap.pprof' alloc_space -cum
	show $name "Live objects" '*.heap.pprof' inuse_objects -cum
	show $name "Live memory" '*.heap.pprof' inuse_space -cum
	show $name "Threads" '*.threads.pprof' goroutine -cum
done

echo
echo "Look at them, in any browser:"
for name in redis threads; do
	"$build/conprof" flame "$out/$name"/*.pprof -o "$out/$name.html" || fail "no page of $name"
	echo "  ${out#"$PWD"/}/$name.html"
done
echo "or with pprof's own page (View > Flame Graph):"
echo "  go tool pprof -http=localhost:8080 $(first "$out/redis" '*.cpu.pprof')"
