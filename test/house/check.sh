#!/bin/sh
# check.sh BUILD - does the code still stand on its floors? Reads object files: what the linker believes.
# SPDX-License-Identifier: MIT
#   law      a floor calls nothing outside the house but what its allowed.txt (and those below it) names
#   arrows   no object calls one on a higher floor, and no objects call each other in a circle
#   state    every writable thing with static storage is on the list in state.txt, with its owner
#   exports  the library shows the world the names in exports.txt and no other, and needs libc alone
#   imports  what it takes by name is in imports.txt: the program may have a function of that name
#   papers   the page of the program has its commands and options
#   texts    the rest: source.sh
# It cannot see a call through a pointer: those stand in hook/real.c, where a reader can.
set -eu
build=$1 here=$(cd "$(dirname "$0")" && pwd) 
root=$here/../..
floors="libc base signal hook life"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0
# One wall, by the file that names what is wrong with it.
wall() {
	if [ -s "$2" ]; then
		sed "s/^/house: $1: /" "$2"
		failed=$((failed + 1))
	else
		passed=$((passed + 1))
	fi
}
# Objects whose source is still there: a build directory may hold older ones.
objects() {
	for o in "$build"/preload/*/*.o "$build"/encoder/*.o "$build"/uploader/*.o; do
		n=${o#"$build"/}
		[ -e "$root/${n%.o}.c" ] && echo "$n"
	done
}
objects >"$tmp/objects"
clean() { grep -v '^#' "$1" 2>/dev/null | grep -v '^[[:space:]]*$' || true; }

# What each object calls and has, each of them asked once: OBJECT NAME.
(cd "$build" && xargs nm -A -u <"$tmp/objects") | awk '{sub(/:$/, "", $1); print $1, $3}' >"$tmp/calls"
(cd "$build" && xargs nm -A --defined-only <"$tmp/objects") |
	awk 'NF==3 {sub(/:.*/, "", $1); print $1, $3, $2}' >"$tmp/has"

below=
: >"$tmp/allowed"
for f in base signal hook; do
	clean "$root/preload/$f/allowed.txt" >>"$tmp/allowed"
	below="$below preload/$f/"
	awk -v below="$below" 'BEGIN {n=split(below,a," ")} {for (i=1;i<=n;i++) if (index($1,a[i])==1) print $2}' \
		"$tmp/has" | sort -u >"$tmp/ours"
	awk -v f="$f" -v ours="$tmp/ours" -v allowed="$tmp/allowed" '
		BEGIN {while ((getline line <ours) > 0) known[line]=1
		       while ((getline line <allowed) > 0) {split(line,p," "); known[p[1] (p[2]=="*" ? "" : " " p[2])]=1}}
		index($1,"preload/" f "/")==1 {o=$1; sub("^preload/","",o)
			if (!($2 in known) && !(($2 " " o) in known))
				print o " calls " $2 ", which floor \047" f "\047 does not allow"}' "$tmp/calls"
done >"$tmp/law"
wall law "$tmp/law"

# A reason belongs to each entry, and an entry that nobody needs any more goes.
for f in base signal hook; do
	clean "$root/preload/$f/allowed.txt" | awk -v f="$f" -v calls="$tmp/calls" '
		BEGIN {while ((getline line <calls) > 0) called[line]=1}
		NF<3 {print "preload/" f "/allowed.txt: " $1 " has no reason"}
		$2!="*" && !(("preload/" $2 " " $1) in called) {print "preload/" f "/allowed.txt: " $2 " no longer calls " $1}'
done >"$tmp/stale"
wall allowed "$tmp/stale"

# Names are looked up within a program: the library's malloc is not what the uploader calls.
: >"$tmp/arrow"
for program in "^preload/" "^(preload/base|encoder|uploader)/"; do
	awk -v p="$program" '$1 ~ p && $3 ~ /[TDBRVWC]/ {print $2, $1}' "$tmp/has" | sort -k1,1 >"$tmp/d"
	awk -v p="$program" '$1 ~ p {print $2, $1}' "$tmp/calls" | sort -k1,1 >"$tmp/u"
	join "$tmp/u" "$tmp/d" | awk '$2!=$3 {print $2, $3, $1}' >>"$tmp/arrow"
done
sort -u -o "$tmp/arrow" "$tmp/arrow"
# preload/ knows nobody (its link, with -z defs, proves that); uploader/ knows encoder/, both know base.
awk -v floors="$floors" 'BEGIN {n=split(floors,a," "); for (i=1;i<=n;i++) h["preload/" a[i]]=i}
	{f=$1; t=$2; sub("/[^/]*$","",f); sub("/[^/]*$","",t); pf=f ~ /^preload/; pt=t ~ /^preload/
	 up = (pf && pt && h[t]>h[f]) || (f=="encoder" && t=="uploader")
	 if (up) print $1 " -> " $2 " (" $3 ") runs up or across"}' \
	"$tmp/arrow" >"$tmp/up"
awk '{print $1, $2}' "$tmp/arrow" | sort -u | tsort 2>&1 >/dev/null |
	sed 's/^tsort: //; s/^-: input contains a loop:/a circle:/' >>"$tmp/up" || true
# Includes tell the same: nothing below includes what lies above or across.
(cd "$root" && grep -Hn '^#include "' preload/*/*.[ch] encoder/*.[ch]) |
	awk -v floors="$floors" 'BEGIN {n=split(floors,a," "); for (i=1;i<=n;i++) h[a[i]]=i}
	{split($0,p,":"); split(p[1],d,"/"); split($0,q,"\""); split(q[2],t,"/")
	 if (d[1]=="encoder") bad = t[1]=="uploader" || (t[1] in h && t[1]!="base")
	 else bad = !(t[1] in h) || h[t[1]]>h[d[2]]
	 if (bad) print p[1] ":" p[2] " includes " q[2]}' >>"$tmp/up"
wall arrows "$tmp/up"

(cd "$build" && xargs objdump -t <"$tmp/objects") | awk '
	/: +file format / {n=$1; sub(/:$/, "", n); sub("^preload/", "", n)}
	{for (i=1; i<=NF; i++) if ($i ~ /^\.(data|bss|tdata|tbss)/ && $i !~ /\.rel\.ro/ && i<NF && $NF !~ /^\./) {
		sub(/\.[0-9]+$/, "", $NF); sub(/^\.hidden$/, "", $NF); print $NF, n; break}}' | sort -u >"$tmp/state"
{
	while read -r s o; do
		clean "$here/state.txt" | awk -v s="$s" -v o="$o" '$1==s && $2==o && NF>2 {ok=1} END {exit !ok}' ||
			echo "$o keeps '$s', which state.txt does not know"
	done <"$tmp/state"
	clean "$here/state.txt" | while read -r s o _; do
		grep -qx "$s $o" "$tmp/state" || echo "state.txt: $o no longer keeps '$s'"
	done
} >"$tmp/unlisted"
wall state "$tmp/unlisted"

{
	[ -e "$build/libconprof.so" ] || echo "there is no $build/libconprof.so"
	nm -D --defined-only "$build/libconprof.so" | awk '{print $3}' | sort >"$tmp/shown"
	clean "$here/exports.txt" | sort | diff - "$tmp/shown" || true
	readelf -d "$build/libconprof.so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
		grep -v -e '^libc\.so\.6$' -e '^ld-linux-' | sed 's/^/needs /' || true
} >"$tmp/exports"
wall exports "$tmp/exports"

# What it takes from the process by name, the program may have put there: preload/libc sees to that.
{
	nm -D --undefined-only "$build/libconprof.so" | awk '{sub(/@.*/, "", $2); print $2}' | sort -u >"$tmp/taken"
	clean "$here/imports.txt" | awk '{print $1}' | sort | comm -13 - "$tmp/taken" |
		sed 's/$/ is taken from the process: define it in preload\/libc/'
} >"$tmp/imports"
wall imports "$tmp/imports"

# What the program says of itself, its page says, too: each command, each option of run.
"$build/conprof" -h >"$tmp/help" || true
{
	[ -s "$tmp/help" ] || echo "conprof -h says nothing"
	sed -n 's/^  conprof \([a-z][a-z]*\).*/\1/p' "$tmp/help" | sort -u | while read -r word; do
		[ "$(grep -cE "^\.B conprof $word( |\$)" "$root/doc/man/conprof.1")" -ge 2 ] ||
			echo "conprof $word is not in synopsis and description of doc/man/conprof.1"
	done
	sed -n 's/^  --\([a-z-]*\).*/\1/p' "$tmp/help" | sed 's/-/\\\\-/g' | while read -r word; do
		grep -qE "\\\\-\\\\-$word([= ]|\$)" "$root/doc/man/conprof.1" ||
			echo "--$word is not in doc/man/conprof.1"
	done
} >"$tmp/papers"
wall papers "$tmp/papers"

"$here/source.sh" "$root" >"$tmp/source" || true
wall source "$tmp/source"

count() { wc -l <"$1" | tr -d ' '; }
[ "$failed" -gt 0 ] || echo "house: $(count "$tmp/arrow") names used between files, all downward;" \
	"$(count "$tmp/state") things keep state; $(count "$tmp/shown") names shown to the world"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
