// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096 CONPROF_PERIOD=1
// truth: hold 2
// truth: alloc_space early = 67108864 +-5%
// truth: alloc_space late = 33554432 +-5%
// truth: inuse_space early = 33554432 +-5%
// truth: inuse_space late = 33554432 +-5%
// truth: batches >= 3
// truth: exit 0
// SPDX-License-Identifier: MIT
// Allocations in the first period and in the last one: together, the profiles hold each once.
#include "truth.h"

#define PIECES 65536

static void *piece[PIECES];
static void *other[PIECES / 2];

TRUTH_FRAME static void early(void)
{
	for (int i = 0; i < PIECES; i++)
		piece[i] = malloc(1024);
	TRUTH_STAY();
}

TRUTH_FRAME static void late(void)
{
	for (int i = 0; i < PIECES / 2; i++)
		other[i] = malloc(1024);
	TRUTH_STAY();
}

int main(void)
{
	early();
	truth_hold();
	for (int i = 0; i < PIECES; i += 2)
		free(piece[i]);
	late();
	return other[0] == NULL;
}
