# build.sh - make -j4 with gcc and g++: every object is the same to the byte.
# SPDX-License-Identifier: MIT
for i in $(seq 16); do
	cat >f$i.c <<X
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int f$i(int x) { char b[64]; for (int i = 0; i < x; i++) { snprintf(b, 64, "%d", i * $i); x += strlen(b) % 3; if (x > 1000) break; } return x; }
X
done
for i in 1 2; do
	cat >g$i.cpp <<X
#include <algorithm>
#include <map>
#include <string>
#include <vector>
extern "C" int g$i(int x) { std::map<std::string, int> m; for (int i = 0; i < x; i++) m[std::to_string(i)] = i; std::vector<int> v; for (auto &k : m) v.push_back(k.second); std::sort(v.begin(), v.end()); return v.size() + $i; }
X
done
echo 'int f1(int), g2(int); int main(void) { return f1(5) + g2(9); }' >main.c
cat >Makefile <<'X'
O := $(patsubst %.c,%.o,$(wildcard f*.c)) $(patsubst %.cpp,%.o,$(wildcard *.cpp))
all: prog sub
prog: main.o all.a
	g++ -o $@ $^
all.a: $(O)
	ar Drcs $@ $^
%.o: %.c
	gcc -O2 -g -Wall -c -o $@ $<
%.o: %.cpp
	g++ -O1 -g -c -o $@ $<
sub:
	$(MAKE) -f sub.mk
fail:
	false
X
printf 'all: x y\nx:\n\t@echo x >x\ny: x\n\t@cat x >y\n' >sub.mk
make -s -j4
echo "make $?"
./prog
echo "prog $?"
make -s -j4
make -j4 fail
echo "fail $?"
gcc -flto=2 -O2 -g0 main.c f1.c g2.o -lstdc++ -o lto
echo "lto $?"
gcc -pipe -save-temps -c f2.c
echo 'int main( { return' >bad.c
gcc bad.c
echo "bad $?"
g++ -x c++ -c bad.c
echo "bad $?"
ld -o x nothing.o
echo "ld $?"
strip -o stripped prog
objdump -d stripped | cksum
ar t all.a | sort | cksum
