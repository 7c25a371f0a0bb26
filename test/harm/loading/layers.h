/* layers.h - a library's whole content, for east.c and west.c: laid out alike, named differently.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "test/truth/truth.h"

#define LAYER_BLOCKS 50
#define LAYER_BYTES  4000
#define LAYER_MS     20

/* name_work: burns, and allocates into blocks. */
#define LAYER(name)                                                                                \
	void name##_work(void **blocks)                                                            \
	{                                                                                          \
		for (int i = 0; i < LAYER_BLOCKS; i++)                                             \
			blocks[i] = malloc(LAYER_BYTES);                                           \
		truth_burn(LAYER_MS);                                                              \
	}
