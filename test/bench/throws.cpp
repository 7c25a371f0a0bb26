// throws.cpp - what a C++ exception costs: thrown ten frames deep and caught. Prints ns of CPU
// time. SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>

#include "cpu.h"

__attribute__((noinline)) static int down(int depth, int i)
{
	if (depth == 0)
		throw i;
	return down(depth - 1, i) + 1;
}

int main(int, char **argv)
{
	long n = argv[1] ? atol(argv[1]) : 0, caught = 0;
	uint64_t before = cpu_ns(RUSAGE_SELF);

	for (long i = 0; i < n; i++)
		try {
			caught += down(10, static_cast<int>(i));
		} catch (int) {
			caught++;
		}
	printf("%.3f\n", double(cpu_ns(RUSAGE_SELF) - before) / double(n));
	return caught != n;
}
