/* trail.h - a walk's addresses: the leaf's part, and of a deep stack the root's, too. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/attrs.h"

/* Of a stack that does not fit, so many at the root are kept, and a gap stands before them. */
#define CP_TRAIL_ROOT 128

/* Set in flags by cp_trail_end, beside CP_ROW_TRUNCATED: goes no further than the unwinder's
 * caller. */
#define CP_TRAIL_STRANGER 0x100u

/* Start with {.pcs, .max}. */
struct cp_trail {
	uint64_t *pcs;
	size_t max;    /* of pcs */
	size_t n;      /* there */
	size_t beyond; /* that came when all were taken */
	int stranger;  /* one of them is code of no known module */
	int at_root;   /* the last one has no caller, and that is known */
};

/* For an address that does not fit. 0: it is hopeless, walk no further. */
int cp_trail_beyond(struct cp_trail *trail, uint64_t pc);

/* What stands in a stack beyond its first address is looked up one byte before, as an address that
 * will be returned to. What a signal interrupted stands where it is (exact), so one more is
 * written. */
static inline uint64_t cp_trail_pc(const struct cp_trail *trail, uint64_t pc, int exact)
{
	return pc + (uint64_t)(exact && trail->n);
}

static inline int cp_trail_add(struct cp_trail *trail, uint64_t pc)
{
	if (CP_UNLIKELY(trail->n == trail->max))
		return cp_trail_beyond(trail, pc);
	trail->pcs[trail->n++] = pc;
	return 1;
}

/* The last one was no frame. */
static inline void cp_trail_drop(struct cp_trail *trail)
{
	if (trail->n && !trail->beyond)
		trail->n--;
}

/* Puts the parts together, and says in *flags how the walk ended: CP_ROW_GAP, CP_ROW_TRUNCATED or
 * CP_ROW_ENDED_EARLY. Gives how many addresses there are; one of them may be a gap (CP_FRAME_GAP).
 */
size_t cp_trail_end(struct cp_trail *trail, unsigned *flags);
