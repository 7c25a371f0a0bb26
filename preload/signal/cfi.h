/* cfi.h - call frame information: how to find the caller of the code at an address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "signal/tables.h"

/* DWARF's numbers of registers (psABI x86-64, table 3.36; AADWARF64, table 4.1). RETURN is a column
 * of its own on x86-64, and the link register on aarch64. */
#if defined(__x86_64__)
enum { CP_REGISTERS = 17, CP_FP = 6, CP_SP = 7, CP_RETURN = 16 };
#else
enum { CP_REGISTERS = 32, CP_FP = 29, CP_SP = 31, CP_RETURN = 30 };
#endif

enum cp_how {
	CP_SAME,      /* not touched: the value it has now */
	CP_UNDEFINED, /* lost; of the return address: the stack ends here */
	CP_AT,	      /* in memory, at CFA + number */
	CP_IS,	      /* CFA + number itself */
	CP_IN,	      /* in another register, number */
	CP_AT_RESULT, /* in memory, where the expression says */
	CP_IS_RESULT, /* what the expression says */
};

/* An expression is an address in the module's table; its length stands before it (uleb128). */
struct cp_rule {
	enum cp_how how;
	int64_t number;
};

/* All that the table says of one address. CFA: the caller's stack pointer at the call. */
struct cp_rules {
	int cfa_is_result; /* by the expression at cfa_number */
	unsigned cfa_base; /* else register + number */
	int64_t cfa_number;
	int is_signal; /* the frame of a handler: what it interrupted stands at its exact pc */
	struct cp_rule reg[CP_REGISTERS];
};

/* 0: the stack ends here. On x86-64 the return address is always somewhere. */
static inline int cp_rules_lead_on(const struct cp_rules *rules)
{
	enum cp_how how = rules->reg[CP_RETURN].how;

#if defined(__x86_64__)
	return how != CP_UNDEFINED && how != CP_SAME;
#else
	return how != CP_UNDEFINED;
#endif
}

/* 1: *rules is what the table says; 0: it says nothing, or nothing that makes sense. Reads the
 * module's own memory, inside [low, high) alone. Runs anywhere. */
int cp_cfi_find(const struct cp_segment *table, uint64_t pc, struct cp_rules *rules);

/* A place to read a table from; what lies beyond reads as zeros, and `bad` is set. */
struct cp_bytes {
	const uint8_t *at, *end;
	int bad;
};

uint64_t cp_bytes_take(struct cp_bytes *b, unsigned size);
uint64_t cp_bytes_uleb(struct cp_bytes *b);
int64_t cp_bytes_sleb(struct cp_bytes *b);
