// truth: slow
// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: alloc_space with_posix_memalign = 33554432 +-5%
// truth: alloc_objects with_posix_memalign = 8192 +-5%
// truth: inuse_space with_posix_memalign = 33554432 +-5%
// truth: alloc_space with_aligned_alloc = 33554432 +-5%
// truth: inuse_space with_aligned_alloc = 33554432 +-5%
// truth: alloc_space with_memalign = 33554432 +-5%
// truth: inuse_space with_memalign = 33554432 +-5%
// truth: alloc_space with_valloc = 33554432 +-5%
// truth: inuse_space with_valloc = 0 exactly
// truth: alloc_space with_pvalloc = 33554432 +-5%
// truth: inuse_space with_pvalloc = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// Aligned blocks by every entry point; each block must have the alignment that was asked for, and
// the page-aligned ones, which look like sampled ones, must be freed as well as any other.
#include <malloc.h>

#include "truth.h"

#define PIECES 8192

static void *piece[5][PIECES];
static int crooked;

static inline __attribute__((always_inline)) void keep(int way, int i, void *block, size_t align)
{
	piece[way][i] = block;
	crooked |= block == NULL || (uintptr_t)block % align != 0;
}

TRUTH_FRAME static void with_posix_memalign(void)
{
	for (int i = 0; i < PIECES; i++) {
		void *block = NULL;

		if (posix_memalign(&block, 64, 4096) != 0)
			crooked = 1;
		keep(0, i, block, 64);
	}
	TRUTH_STAY();
}

TRUTH_FRAME static void with_aligned_alloc(void)
{
	for (int i = 0; i < PIECES; i++)
		keep(1, i, aligned_alloc(8192, 4096), 8192);
	TRUTH_STAY();
}

TRUTH_FRAME static void with_memalign(void)
{
	for (int i = 0; i < PIECES; i++)
		keep(2, i, memalign(32, 4096), 32);
	TRUTH_STAY();
}

TRUTH_FRAME static void with_valloc(void)
{
	for (int i = 0; i < PIECES; i++)
		keep(3, i, valloc(4096), 4096);
	TRUTH_STAY();
}

TRUTH_FRAME static void with_pvalloc(void)
{
	for (int i = 0; i < PIECES; i++)
		keep(4, i, pvalloc(4096), 4096);
	TRUTH_STAY();
}

int main(void)
{
	with_posix_memalign();
	with_aligned_alloc();
	with_memalign();
	with_valloc();
	with_pvalloc();
	for (int i = 0; i < PIECES; i++) {
		crooked |= malloc_usable_size(piece[2][i]) < 4096;
		free(piece[3][i]);
		free(piece[4][i]);
	}
	return crooked;
}
