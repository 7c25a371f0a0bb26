/* heap.h - the sampled allocation: one in 512 KiB comes here, all others pass by. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/live.h"
#include "signal/thread.h"

/* The fast path of every allocation: one subtraction, one branch. 1: nothing to do. 0: a mark fell
 * into this block, or the thread is new, or the size is absurd. */
static inline int cp_heap_pass(size_t n)
{
	int64_t left = cp_self.budget - (int64_t)n - 1;

	cp_self.budget = left;
	return CP_LIKELY((left | (int64_t)n) >= 0);
}

/* What is asked for: align 0 means malloc, zeroed means calloc. */
struct cp_request {
	size_t size;
	size_t align;
	int zeroed;
};

/* Does the request, sampled if it is to be. Sets errno as the real call does. */
void *cp_heap_slow(const struct cp_request *request);
/* A block that was had elsewhere, for which cp_heap_pass said no: recorded if it is to be. Its end
 * is looked for by cp_heap_free, whatever its address. NULL is drawn for and forgotten. */
void cp_heap_found(void *block, size_t size);
/* realloc(block, n) with block not NULL and n > 0, sampled or of a block that may be. `pass`: no
 * mark fell into it. */
void *cp_heap_realloc(void *block, size_t n, int pass);

/* Before the real free of a block for which cp_live_possible. 1: forward it to the real free; 0: do
 * not (NULL, and what was handed out before the real one was known). */
int cp_heap_free(void *block);
