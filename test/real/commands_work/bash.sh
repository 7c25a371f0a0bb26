# bash.sh - bash as it is used: a thousand children, jobs, traps, pipelines, here-documents.
# SPDX-License-Identifier: MIT
# Neither descriptors nor threads nor children that are not its own. (In a pipe it would be chance.)
look() {
	ls /proc/$$/fd
	ls /proc/$$/task >tasks
	wc -w <tasks
	wc -w </proc/$$/task/$$/children
	rm tasks
}
look
# Before there are many jobs: after a crowd bash itself hands out an old status now and then.
for i in 1 2 3 4 5; do
	(sleep 0.1; exit $i) &
	wait -n
	echo "next $?"
done
wait -n
echo "none $?"
for ((i = 0; i < 250; i++)); do (exit $((i % 256))); r+="$? "; done
cksum <<<"$r"
for ((i = 0; i < 300; i++)); do /bin/true & done
wait
echo "waited $?"
for ((i = 0; i < 120; i++)); do y+=$(echo $i | tr 0-9 a-j); done
cksum <<<"$y"

trap 'echo "a child"' CHLD
sleep 0.05 &
wait $!
trap - CHLD
trap 'echo "usr1"' USR1
kill -USR1 $$
trap 'echo "prof"' PROF
kill -PROF $$
(trap - PROF; kill -PROF $BASHPID; echo "not reached") 2>&1 | cat
trap '' PROF
sh -c 'kill -PROF $$; echo "ignored: lives"'
trap - PROF
sh -c 'kill -PROF $$; echo "not reached"' 2>/dev/null
echo "prof $?"
sh -c 'kill -33 $$; echo "not reached"' 2>/dev/null
echo "33 $?"

seq 100000 | sed 's/1/x/g' | grep x | awk '{s += length($0)} END {print s}' | tee file | cat
echo "${PIPESTATUS[@]}"
cat <<X | while read -r a; do echo "[$a]"; done
$(for i in 1 2 3; do echo "line $i"; done)
X
coproc cat
to=${COPROC[1]} from=${COPROC[0]} pid=$COPROC_PID
echo hello >&"$to"
read -r -u "$from" line
echo "$line"
kill "$pid"
wait "$pid"
echo "coproc $?"
diff <(seq 100) <(seq 2 101) | wc -l
for ((i = 0; i < 40000; i++)); do s=$((s + i)); done
for ((i = 0; i < 3000; i++)); do str+=xyz$i; done
echo "$s ${#str}"
cksum <<<"${str//1/}"
sleep 100 & kill $!; wait $!; echo "term $?"
sleep 100 & kill -SEGV $!; wait $! 2>/dev/null; echo "segv $?"
timeout 0.2 sleep 10; echo "timeout $?"
timeout -s PROF 0.2 sleep 10; echo "timeout by prof $?"
(ulimit -t 1; while :; do :; done) 2>/dev/null; echo "cpu limit $?"
(ulimit -n 5; cat /dev/null; echo "few files $?")
(ulimit -s 128; seq 3 | tail -1)
(ulimit -i 0; seq 3 | tail -1)
(ulimit -d 1000; /bin/echo "little data $?")
ulimit -a | grep -v 'max user\|pending'
look
trap 'echo "exit $?"' EXIT
exec 3<file; cat <&3; exec 3<&-
bash -c 'echo "in $BASHPID" | sed "s/[0-9]*$/N/"; exit 5'
echo 'echo "from stdin"; exit 6' | bash
echo "$?"
exit 3
