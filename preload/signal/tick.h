/* tick.h - one tick of the CPU clock: a stack, counted. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <ucontext.h>

/* Counts the interrupted stack with this weight, in periods. From a handler, all signals blocked;
 * whoever calls it keeps errno. What can't be had (room, a free scratch stack) is counted as lost.
 */
void cp_tick(const ucontext_t *uc, uint64_t periods);
