/* marked.c - N pairs of malloc and free between two int3, and 2 N between that and the next. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

static void *volatile keep;

__attribute__((noinline)) static void pairs(long n)
{
	for (long i = 0; i < n; i++) {
		keep = malloc(64);
		free(keep);
	}
}

/* marked N mark | marked N: the second has no marks, for a simulator. */
int main(int argc, char **argv)
{
	long n = argc > 1 ? atol(argv[1]) : 0;

	pairs(100); /* what happens once has happened */
	if (argc < 3) {
		pairs(n);
		return 0;
	}
#ifdef __x86_64__
	__asm__ volatile("int3");
	pairs(n);
	__asm__ volatile("int3");
	pairs(2 * n);
	__asm__ volatile("int3");
#endif
	return 0;
}
