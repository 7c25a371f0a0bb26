/* work.c - the loops of malloc and free that the bench measures; prints the ns of CPU time that one
 * round of them took. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpu.h"

static void *volatile keep;

/* The same size again and again: what the allocator gives is the block that came back last. */
static void pairs(size_t size, long n)
{
	for (long i = 0; i < n; i++) {
		keep = malloc(size);
		free(keep);
	}
}

/* A random one of `count` living blocks is replaced by one of a random size. */
static void slots(void **slot, size_t count, size_t largest, long n)
{
	uint64_t state = 88172645463325252u;

	for (long i = 0; i < n; i++) {
		uint64_t r = next_random(&state);
		void **here = &slot[(r >> 32) % count];

		free(*here);
		*here = malloc(16 + (r & 0xffffffff) % largest);
		if (*here)
			*(char *)*here = 1;
	}
}

static void **filled(size_t count, size_t largest)
{
	void **slot = calloc(count, sizeof *slot);

	if (!slot)
		exit(3);
	for (size_t i = 0; i < count; i++)
		slot[i] = malloc(16 + i * 7919 % largest);
	return slot;
}

/* work pairs SIZE N | slots COUNT N | hold */
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long size = argc > 3 ? atol(argv[2]) : 1, n = argc > 3 ? atol(argv[3]) : 0;
	size_t largest = size > 100000 ? 240 : 496;
	void **slot = NULL;
	uint64_t before;

	if (strcmp(what, "hold") == 0) {
		pairs(64, 100000);
		return read(0, &n, 1) < 0;
	}
	if (n <= 0 || size <= 0)
		return 2;
	if (strcmp(what, "slots") == 0)
		slot = filled((size_t)size, largest);
	before = cpu_ns(RUSAGE_SELF);
	if (slot)
		slots(slot, (size_t)size, largest, n);
	else
		pairs((size_t)size, n);
	printf("%.3f\n", (double)(cpu_ns(RUSAGE_SELF) - before) / (double)n);
	return 0;
}
