// harm: with MALLOC_MMAP_MAX_=0 CONPROF_PROFILE_TYPES=heap
// harm: same
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// Where glibc may make no mappings, huge blocks are in its heap, and each of them is sampled. What
// is not touched is not made, and what is freed is given back, as without us. It differs when
// has_no_mapping of hook/heap.c says no.
#include <sys/resource.h>

#include "test/harm/harm.h"

#define BLOCK  ((size_t)48 << 20)
#define ROUNDS 4
#define PAGE   4096

static long most_kib(void)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return now.ru_maxrss;
}

static long faults(void)
{
	struct rusage now;

	getrusage(RUSAGE_SELF, &now);
	return now.ru_minflt;
}

int main(void)
{
	long before = faults();

	for (int i = 0; i < ROUNDS; i++) {
		volatile char *block = calloc(1, BLOCK);

		block[BLOCK / 2] = 1;
		free((void *)block);
	}
	printf("pages are made that nobody touches: %d\n",
	       faults() - before > (long)(BLOCK / PAGE / 2));
	for (int i = 0; i < ROUNDS; i++) {
		volatile char *block = malloc(BLOCK);

		for (size_t at = 0; at < BLOCK; at += PAGE)
			block[at] = 1;
		free((void *)block);
	}
	printf("more than one of them stays: %d\n", most_kib() > (long)(2 * BLOCK / 1024));
	return 0;
}
