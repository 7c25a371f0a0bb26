# pack.sh - compressors with threads: what they make is the same to the byte, and comes back whole.
# SPDX-License-Identifier: MIT
seq 400000 >s
xz -T2 -1 -k --block-size=512KiB s
xz -dc -T2 s.xz | cmp - s
xz -t s.xz
echo "xz $?"
zstd -q -T2 -5 -k s
zstd -qdc s.zst | cmp - s
zstd -q -12 -T2 --long=20 s -o long.zst
zstd -q -t long.zst
echo "zstd $?"
gzip -nk s
gzip -dc s.gz | cmp - s
bzip2 -k s && bzip2 -dc s.bz2 | cmp - s
head -c 1000 s.xz | xz -dc >/dev/null
echo "short $?"
zstd -q -d s.gz -o nothing
echo "wrong $?"
