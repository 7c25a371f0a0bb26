#!/bin/bash
# source.sh ROOT - what the house asks of its texts; prints each breach, nothing when there is none.
# SPDX-License-Identifier: MIT
set -u
cd "$1" || exit 1
ours() { find preload encoder uploader -name '*.[ch]' | sort; }
page() { find uploader/page -name '*.js' -o -name '*.css' -o -name '*.sh'; }
tests() { find test -name '*.[ch]' -o -name '*.sh' -o -name '*.go' -o -name '*.py' -o -name '*.cpp'; }

# What ships begins with its name and its licence; a test with a comment that says what it is for.
# shellcheck disable=SC2046
awk 'FNR==1 {if (last != "" && !licence) print last ": no licence line"
		last=FILENAME; licence=0; base=FILENAME; sub(".*/", "", base)
		if (index($0, "/* " base " - ") != 1) print FILENAME ": does not begin with its name"}
	FNR<=40 && /SPDX-License-Identifier: MIT/ {licence=1}
	END {if (!licence) print last ": no licence line"}' $(ours)
# shellcheck disable=SC2046
awk 'FNR==1 {if (last != "" && !said) print last ": does not say what it is for"; last=FILENAME; said=0}
	FNR<=2 && /^(\/\*|\/\/|# )/ {said=1}
	END {if (!said) print last ": does not say what it is for"}' $(tests; page)

# A file is a paragraph: not longer than 350 lines, a test not longer than 450.
# shellcheck disable=SC2046
wc -l $(ours; page; tests) | awk '$2!="total" && $1 > ($2 ~ /^test\// ? 450 : 350) {print $2 ": " $1 " lines"}'

# A function is not longer than 60 lines. In this format its body begins and ends in column one.
# shellcheck disable=SC2046
awk 'FNR==1 {start=0} /^{$/ {start=FNR}
	/^}/ && start {if (FNR-start+1 > 60) print FILENAME ":" start ": a function of " FNR-start+1 " lines"; start=0}' \
	$(ours | grep '\.c$')

# The top level is a table of contents.
git ls-files 2>/dev/null | cut -d/ -f1 | sort -u |
	grep -vxE '\.(ci|clang-format|clang-tidy|gitignore)|LICENSE|Makefile|README\.md|conprof\.conf\.example|doc|encoder|preload|test|uploader' |
	sed 's/$/: does not belong at the top level/'

# Nothing left undone, and nothing that burns the house down.
grep -nE '\b(TODO|FIXME|XXX)\b' $(ours; tests | grep -v house/source.sh) Makefile README.md doc -r 2>/dev/null
grep -nE '\b(abort|_?exit|assert)[ ]?\(' $(ours) | grep -vE '^uploader/main\.c|^uploader/run\.c.*_exit|SYS_exit|/\*.*\b(exit|abort|assert)\(|^[^:]*:[0-9]+:[[:space:]]*(/\*|\*)'

# Every path:function that the tour names exists.
[ ! -f doc/ARCHITECTURE.md ] || grep -oE '(preload|encoder|uploader|test)/[a-z0-9_/.]+:[a-z0-9_]+' doc/ARCHITECTURE.md |
	sort -u | while IFS=: read -r path name; do
	[ -f "$path" ] && grep -qE "\b$name\b" "$path" || echo "doc/ARCHITECTURE.md: there is no $path:$name"
done
[ ! -f doc/ARCHITECTURE.md ] || grep -oE '`(preload|encoder|uploader|test|doc)/[A-Za-z0-9_/.-]+`' doc/ARCHITECTURE.md | tr -d '`' |
	sort -u | while read -r path; do
	[ -e "$path" ] || echo "doc/ARCHITECTURE.md: there is no $path"
done

# Every setting is documented, and nothing else is.
grep -oE '"(CONPROF|BLACKFIRE|PLATFORM)_[A-Z_]+"' preload/base/settings.c | tr -d '"' | grep -v '^CONPROF_$' | sort -u |
	while read -r name; do
		for f in conprof.conf.example doc/man/conprof.conf.5; do
			grep -q "$name" "$f" || echo "$f: $name is not documented"
		done
	done
grep -ohE '\b(CONPROF|BLACKFIRE|PLATFORM)_[A-Z_]+[A-Z]\b' conprof.conf.example doc/man/conprof.conf.5 | sort -u |
	while read -r name; do
		grep -q "\"$name\"" preload/base/settings.c || echo "documented, but unknown: $name"
	done
exit 0
