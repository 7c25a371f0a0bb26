// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: alloc_space burst = 67108864 +-5%
// truth: alloc_objects burst = 65536 +-5%
// truth: inuse_space burst = 33554432 +-5%
// truth: inuse_objects burst = 32768 +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// One line allocates 64 MiB in pieces of 1 KiB; half of them are freed.
#include "truth.h"

#define PIECES 65536

static void *piece[PIECES];

TRUTH_FRAME static void burst(void)
{
	for (int i = 0; i < PIECES; i++)
		piece[i] = malloc(1024);
	TRUTH_STAY();
}

int main(void)
{
	burst();
	for (int i = 0; i < PIECES; i += 2)
		free(piece[i]);
	return piece[PIECES - 1] == NULL;
}
