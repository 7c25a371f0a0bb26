/* unwind_all.h - the slow way of our unwinder: all registers, all rules, no cache. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/expression.h"

/* Where a walk starts. */
struct cp_start {
	uint64_t pc;
	struct cp_registers registers;
	uint64_t own_start, own_end; /* frames in here, before the first other, are left out */
};

/* As cp_own_here and cp_own_context (unwind_own.h), for the stacks where a frame is found by other
 * registers than the stack and the frame pointer: 300 ns a frame. */
size_t cp_all_walk(const struct cp_start *start, uint64_t *pcs, size_t max, unsigned *flags);
