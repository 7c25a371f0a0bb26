/* freepath.c - what malloc and free cost as a process grows old, and with many samples alive.
 * Prints ns of CPU time for a pair, a line for each part of the way. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"

#define BATCH 100000

static void *volatile keep;
static void *batch[BATCH];
static void *slot[1024];

static size_t bytes = 64;

static void small(long n)
{
	for (long i = 0; i < n; i++) {
		keep = malloc(bytes);
		free(keep);
	}
}

/* Page-aligned, so that free has to ask of each whether it is a sampled one. */
static void aligned(long n)
{
	void *block;

	for (long i = 0; i < n; i++) {
		if (posix_memalign(&block, 4096, bytes))
			exit(3);
		keep = block;
		free(keep);
	}
}

/* Sizes to 16 KiB, one in 64 aligned, in random order among 1024: sampled ones are found and taken
 * out, aligned ones looked for in vain. */
static void mixed(long n)
{
	static uint64_t state = 88172645463325252u;

	for (long i = 0; i < n; i++) {
		uint64_t r = next_random(&state);
		void **here = &slot[r % 1024];
		size_t size = 16 + (r >> 32) % ((r >> 20) % 64 ? 256 : 16384);

		free(*here);
		if ((r >> 10) % 64 != 0)
			*here = malloc(size);
		else if (posix_memalign(here, 4096, size))
			exit(3);
	}
}

/* free alone, of blocks that were had one after the other. */
static double frees(void)
{
	uint64_t spent = 0;

	for (int round = 0; round < 20; round++) {
		uint64_t before;

		for (long i = 0; i < BATCH; i++)
			batch[i] = malloc(bytes);
		before = cpu_ns(RUSAGE_SELF);
		for (long i = 0; i < BATCH; i++)
			free(batch[i]);
		spent += cpu_ns(RUSAGE_SELF) - before;
	}
	return (double)spent / (20.0 * BATCH);
}

static double timed(void (*work)(long), long n)
{
	uint64_t before = cpu_ns(RUSAGE_SELF);

	work(n);
	return (double)(cpu_ns(RUSAGE_SELF) - before) / (double)n;
}

/* Of blocks of one byte hardly any is sampled, of 64 bytes one in 16. `places`: the program itself
 * places as many blocks at the start of a page as would be sampled, for a heap of the same shape.
 */
static void live(long count, int places)
{
	uint64_t state = 88172645463325252u;
	void *block;

	for (int part = 0; part < 3; part++) {
		for (bytes = 1; bytes <= 64; bytes += 63)
			printf("%.3f %.3f %.3f\n", frees(), timed(small, 3000000),
			       timed(aligned, 500000));
		fflush(stdout);
		for (long i = 0; part == 1 && i < count; i++)
			if (!places || next_random(&state) % 1000 > 632)
				keep = malloc(1024);
			else if (posix_memalign(&block, 4096, 1024))
				exit(3);
	}
}

/* freepath small|aligned|mixed PAIRS PARTS | live BLOCKS [placing] */
int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0, parts = argc > 3 ? atol(argv[3]) : 0;
	void (*work)(long) = strcmp(what, "small") == 0	    ? small
			     : strcmp(what, "aligned") == 0 ? aligned
							    : mixed;

	if (strcmp(what, "live") == 0)
		live(n, argc > 3);
	for (long part = 0; part < parts; part++) {
		printf("%.3f\n", timed(work, n / parts));
		fflush(stdout);
	}
	return 0;
}
