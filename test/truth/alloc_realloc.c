// truth: slow
// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=16384
// truth: alloc_space grow = 570425344 +-5%
// truth: alloc_objects grow = 65536 +-5%
// truth: inuse_space grow = 67108864 +-5%
// truth: inuse_objects grow = 4096 +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// 4096 blocks grow from 1 to 16 KiB by steps of 1 KiB. Each step is an allocation of the new size
// and a free of the old one: 4096 * (1 + 2 + ... + 16) KiB in all, 4096 * 16 KiB at the end.
#include "truth.h"

#define CHAINS 4096

static void *chain[CHAINS];

TRUTH_FRAME static void grow(size_t size)
{
	for (int i = 0; i < CHAINS; i++)
		chain[i] = realloc(chain[i], size);
	TRUTH_STAY();
}

int main(void)
{
	for (size_t k = 1; k <= 16; k++)
		grow(k * 1024);
	return chain[CHAINS - 1] == NULL;
}
