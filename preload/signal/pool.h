/* pool.h - the pool of frames, in which stacks share their root's part. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/state.h"

/* A stack's frames stand one after another, leaf first, after a word about them. Where the rest
 * of a stack stands there already, a link leads to it: ticks that differ in their first address
 * alone take three words each. Found through a small table of the last places of such rests, which
 * may forget and may be wrong: what it says is compared. */

static inline uint64_t cp_mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ (h >> 32);
}

static inline uint64_t *cp_frames(struct cp_recording *rec)
{
	return (uint64_t *)((char *)rec + rec->frames.at);
}

/* Where the first frame stands now; 0: there is no room. Runs anywhere. */
uint32_t cp_pool_write(struct cp_recording *rec, const uint64_t *pcs, size_t depth, uint64_t word);

/* Whether the frames at this place are these. */
int cp_pool_same(struct cp_recording *rec, uint32_t at, const uint64_t *pcs, size_t depth);

/* Copies them; 0, or -1 if the pool is damaged. */
int cp_pool_read(struct cp_recording *rec, uint32_t at, uint64_t *pcs, size_t depth);
