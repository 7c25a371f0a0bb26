# text.sh - the small tools, alone, in pipes and in parallel: find, xargs, sort, awk, sed, tar.
# SPDX-License-Identifier: MIT
seq 100000 >s
sort --parallel=4 -S 1M -R --random-source=s s | sort --parallel=2 -n -S 200k | cmp - s
shuf --random-source=s s | cksum
split -n l/7 s part.
cat part.* | cmp - s
rm part.*
mkdir -p tree
for i in $(seq 60); do mkdir -p tree/$((i % 7)); seq $((i * 50)) >tree/$((i % 7))/f$i; done
find tree -type f -print0 | sort -z | xargs -0 -P 4 -n 9 md5sum | sort -k 2 | md5sum
find tree -name 'f1*' -exec sh -c 'wc -l <"$1"' _ {} \; | sort -n | tail -2
seq 150 | xargs -P 8 -I{} sh -c 'exit $(({} % 3))'
echo "xargs $?"
seq 5 | xargs -n 1 sh -c 'exit 255'
echo "xargs $?"
awk 'BEGIN {
	for (i = 0; i < 200000; i++) a["k" i] = i
	for (k in a) s += a[k]
	while (("seq 10" | getline l) > 0) n += l
	print s, n, system("exit 3")
	print "x" | "cat"
	close("cat")
}'
sed -n 's/^1\(.*\)7$/\1/p' s | tr 0-9 a-j | rev | sort -u | wc -l
tar --sort=name --mtime=@0 --owner=0 --group=0 -cJf t.tar.xz tree
tar -tf t.tar.xz | wc -l
mkdir x
tar -C x -xf t.tar.xz
diff -r tree x/tree
tar -cf - tree | (cd x && tar -xf - --overwrite) && ls x | wc -l
dd if=s bs=1000 count=100 status=none | base64 | head -c 100000 | cksum
timeout 5 yes | head -n 100000 | cksum
cp -a tree y && rm -r y x tree && ls
nice -n 3 nice
env -i /bin/echo alone
stdbuf -oL echo line
setsid -w sh -c 'exit 4'
echo "setsid $?"
nohup sh -c 'exit 5' </dev/null
echo "nohup $?"
comm -12 <(seq 1 3 100 | sort) <(seq 1 5 100 | sort) | paste -sd,
false | true | cat nothing
echo "${PIPESTATUS[@]}"
