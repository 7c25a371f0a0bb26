/* heap.h - the sampled allocation: one in 512 KiB comes here, all others pass by. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "hook/real.h"
#include "signal/live.h"
#include "signal/thread.h"

/* This thread's cp_self.budget, found by cp_real.budget_at. */
#ifdef __x86_64__
#define CP_BUDGET(at) ((uint64_t __seg_fs *)(at))
#else
#define CP_BUDGET(at) ((uint64_t *)((char *)__builtin_thread_pointer() + (at)))
#endif

/* The fast path of every allocation: one subtraction, one branch (and one that is never taken once
 * the real functions are known). 1: charged, nothing to do. 0: not charged: a mark falls into this
 * block, or the thread is new, or nothing is known yet. An absurd size is more than is ever left.
 */
static inline int cp_heap_pass(size_t n)
{
	uintptr_t at = cp_real.budget_at;
	uint64_t left;

	/* left - n - 1, so that the processor's own borrow says whether there was so much */
	if (CP_UNLIKELY(!at) ||
	    CP_UNLIKELY(!__builtin_add_overflow(*CP_BUDGET(at), ~(uint64_t)n, &left)))
		return 0;
	*CP_BUDGET(at) = left;
	return 1;
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
