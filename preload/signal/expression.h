/* expression.h - DWARF's little stack machine, for the few frames that need it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/cfi.h"

/* The values of registers at a frame; `known` has a bit for each that is. */
struct cp_registers {
	uint64_t value[CP_REGISTERS];
	uint64_t known;
	uint64_t pc; /* where the frame stands: x86-64 has it as a register, the return address's */
};

/* Loads eight bytes of the stack: 1, or 0 if they can't be read. */
struct cp_memory {
	int (*load)(void *context, uint64_t at, uint64_t *value);
	void *context;
};

/* Evaluates the expression at this address (its length first), inside the table's bounds. What is
 * on the stack of the machine at the start: push, if not NULL. `pc` is the frame's own, for those
 * that ask for it as a register. 1 and *result, or 0. Runs anywhere. */
int cp_expression(const struct cp_segment *table, int64_t at, const struct cp_registers *registers,
		  const uint64_t *push, struct cp_memory memory, uint64_t *result);
