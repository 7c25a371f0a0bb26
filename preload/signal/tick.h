/* tick.h - one tick of the CPU clock: a stack, counted. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <ucontext.h>

/* Counts the interrupted stack with this weight, in ns of CPU time. From a handler, all signals
 * blocked; whoever calls it keeps errno. What can't be had (room, a free scratch stack) is counted
 * as lost. 0 ns: nothing is counted, but who sleeps wakes, and a recording that nobody reads moves.
 */
void cp_tick(const ucontext_t *uc, uint64_t ns);

/* On the way to the scratch stack a handler needs this much of the one it was called on. */
#define CP_TICK_ROOM 1024

/* What a measured tick stands for, if the cheapest one so far took least_ns (0: it is the first): a
 * guest that was stopped for milliseconds in its midst has them on its clock, and one of 128 is
 * measured. So it is at most 200 us, or four times the cheapest where stacks are so deep. */
#define CP_TICK_WEIGHS UINT64_C(200000)
static inline uint64_t cp_tick_weight(uint64_t took_ns, uint64_t least_ns)
{
	uint64_t most = least_ns > CP_TICK_WEIGHS / 4 ? 4 * least_ns : CP_TICK_WEIGHS;

	return took_ns < most ? took_ns : most;
}

/* Counts what was never taken, because there was no such room. Runs anywhere. */
void cp_tick_no_room(uint64_t ns);
