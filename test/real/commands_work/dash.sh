# dash.sh - what a thousand scripts of a system are: dash, its children, signals and waits.
# SPDX-License-Identifier: MIT
i=0
while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done
echo $i
i=0
while [ $i -lt 300 ]; do (exit $((i % 100))); r="$r $?"; i=$((i + 1)); done
echo "$r" | cksum
i=0
while [ $i -lt 100 ]; do x=$(echo $i); y="$y$x"; i=$((i + 1)); done
echo "$y" | cksum
for i in 1 2 3 4 5 6 7 8 9; do
	(sleep 0.0$i; exit $i) &
	p="$p $!"
done
for x in $p; do wait "$x"; echo "$?"; done
i=0
while [ $i -lt 200 ]; do /bin/true & i=$((i + 1)); done
wait
echo "all $?"
trap 'echo prof' PROF
kill -PROF $$
trap - PROF
dash -c 'kill -PROF $$'
echo "$?"
cat <<X
$(ls /proc/$$/fd)
X
ls /nonexistent
echo "$?"
trap 'echo term; exit 8' TERM
(sleep 0.1; kill $$) &
while :; do :; done
