/* layers.h - a library's whole content, for east.c and west.c: laid out alike, named differently.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "test/truth/truth.h"

#define LAYER_BLOCKS 50
#define LAYER_BYTES  4000

/* name_work burns, and allocates into blocks; name_thread does it as a thread. */
#define LAYER(name)                                                                                \
	void name##_work(void **blocks, int ms)                                                    \
	{                                                                                          \
		for (int i = 0; i < LAYER_BLOCKS; i++)                                             \
			blocks[i] = malloc(LAYER_BYTES);                                           \
		truth_burn((uint64_t)ms);                                                          \
	}                                                                                          \
	void *name##_thread(void *blocks)                                                          \
	{                                                                                          \
		name##_work(blocks, 20);                                                           \
		return NULL;                                                                       \
	}
