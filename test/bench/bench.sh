#!/bin/sh
# bench.sh BUILD - builds the loops and the floor, then measures.
# SPDX-License-Identifier: MIT
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/bench"
gcc -O2 -g -Wall -Wextra -D_GNU_SOURCE -o "$1/bench/work" "$here/work.c"
gcc -O2 -g -Wall -Wextra -D_GNU_SOURCE -fPIC -shared -fno-builtin -o "$1/bench/floor.so" "$here/floor.c" -ldl
exec python3 "$here/bench.py" "$(cd "$1" && pwd)"
