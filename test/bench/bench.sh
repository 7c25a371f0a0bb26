#!/bin/sh
# bench.sh BUILD [PIECE...] - builds the loops and the floor, then measures.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
shift
mkdir -p "$build/bench"
# NAME.c and NAME.cpp are programs, NAME.so.c is preloaded.
for source in "$here"/*.c "$here"/*.cpp "$here"/../run/growth.c; do
	[ -e "$source" ] || continue
	name=$(basename "${source%.*}")
	made=$build/bench/$name
	[ -e "$made" ] && [ ! "$made" -ot "$source" ] && continue
	case $source in
	*.so.c) gcc -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -fPIC -shared -fno-builtin -fno-plt -o "$made" "$source" -ldl ;;
	*.c) gcc -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -o "$made" "$source" -lpthread -lm ;;
	*.cpp) g++ -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -o "$made" "$source" -lpthread ;;
	esac
done
exec python3 "$here/bench.py" "$build" "$@"
