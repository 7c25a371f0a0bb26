/* unwind_own.h - our own unwinder: by the modules' tables, in place, without a lock. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "signal/trail.h"

/* In *flags: there is code of no known module in this stack. It goes no further than the caller. */
#define CP_OWN_STRANGER CP_TRAIL_STRANGER

/* Return addresses of the calling thread: from the caller of the function of ours whose frame
 * pointer this is, and from its first frame outside [own_start, own_end) on. Or those of the code
 * that a signal interrupted (pcs[0] is its pc). Gives how many, at most max; of a
 * deep stack the middle is left out (trail.h). Says in *flags how the walk ended: CP_ROW_TRUNCATED,
 * CP_ROW_GAP, CP_ROW_ENDED_EARLY, or nothing when it reached the root. Needs 8 KiB of stack. Runs
 * anywhere: it takes no lock, opens nothing, allocates nothing, and loads from the stack only what
 * it has proven readable. */
size_t cp_own_here(const void *frame, uint64_t own_start, uint64_t own_end, uint64_t *pcs,
		   size_t max, unsigned *flags);
size_t cp_own_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags);
/* A frame of ours on a stack that is known to be mapped up to `high`; where our own code lies. */
struct cp_own_place {
	const void *frame;
	uint64_t high;
	uint64_t own_start, own_end;
};
/* The same as cp_own_here from there: no page is proven. 0: another walk must do it (code of no
 * known module, all registers). */
size_t cp_own_near(const struct cp_own_place *place, uint64_t *pcs, size_t max, unsigned *flags);
