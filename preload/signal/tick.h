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

/* Counts what was never taken, because there was no such room. Runs anywhere. */
void cp_tick_no_room(uint64_t ns);
