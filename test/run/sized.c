// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=2048
// truth: alloc_space burst = printed bytes +-5%
// truth: inuse_space burst = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// Under jemalloc: blocks of malloc given back by sdallocx, which believes the size it is told.
#include <string.h>

#include "test/truth/truth.h"

// jemalloc's; absent under any other allocator, and then it is for free to do.
void sdallocx(void *block, size_t size, int flags) __attribute__((weak));

#define PIECES 10000

static char *piece[PIECES];

static size_t size_of(size_t i)
{
	return 16 + i % 500;
}

TRUTH_FRAME static size_t burst(void)
{
	size_t sum = 0;

	for (size_t i = 0; i < PIECES; i++) {
		piece[i] = malloc(size_of(i));
		memset(piece[i], (int)i, size_of(i));
		sum += size_of(i);
	}
	return sum;
}

int main(void)
{
	size_t sum = 0;
	int wrong = 0;

	for (int round = 0; round < 6; round++) {
		sum += burst();
		for (size_t i = 0; i < PIECES; i++) {
			wrong += piece[i][size_of(i) - 1] != (char)i;
			if (sdallocx)
				sdallocx(piece[i], size_of(i), 0);
			else
				free(piece[i]);
		}
	}
	truth_print("bytes", sum);
	return wrong != 0;
}
