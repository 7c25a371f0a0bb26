// truth: slow
// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=2048
// truth: alloc_space zeroed = 16777216 +-5%
// truth: alloc_objects zeroed = 16384 +-5%
// truth: inuse_space zeroed = 16777216 +-5%
// truth: alloc_space array = 16777216 +-5%
// truth: inuse_space array = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// calloc, whose blocks must be zero although a dirty block lay there; reallocarray, all freed.
#include "truth.h"

#define PIECES 16384

static unsigned char *piece[PIECES];

TRUTH_FRAME static void zeroed(void)
{
	for (int i = 0; i < PIECES; i++)
		piece[i] = calloc(16, 64);
	TRUTH_STAY();
}

TRUTH_FRAME static void array(void)
{
	for (int i = 0; i < PIECES; i++)
		piece[i] = reallocarray(NULL, 16, 64);
	TRUTH_STAY();
}

int main(void)
{
	array();
	for (int i = 0; i < PIECES; i++) {
		for (int k = 0; k < 1024; k++)
			piece[i][k] = 0xff;
		free(piece[i]);
	}
	zeroed();
	for (int i = 0; i < PIECES; i++)
		for (int k = 0; k < 1024; k++)
			if (piece[i][k] != 0)
				return 1;
	return 0;
}
