/* step.h - the rule of an address in one word, and the cache of such words. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <stdint.h>

#include "signal/cfi.h"

/* Nearly every address has a rule that fits into a word: the CFA is the stack or the frame pointer
 * plus a number, and the return address and the frame pointer are beside it. */
enum cp_step {
	CP_STEP_UNKNOWN, /* nothing is known of this address */
	CP_STEP_FRAME,	 /* as above */
	CP_STEP_END,	 /* there is no caller */
	CP_STEP_SIGNAL,	 /* the way out of a signal handler: the registers stand on the stack */
	CP_STEP_FULL,	 /* all registers must be followed to know this frame's caller */
	CP_STEP_NONE	 /* code without tables, in a module */
};

typedef uint64_t cp_word;

/* The cache: 4 ways in a line of 64 bytes; 16 KiB at first, which last for a forked worker of some
 * server; 64, then 256 when many rules are thrown out of it. An entry is two words, the second,
 * spread by a multiplication, xored into the first: two writers' halves give a key that somebody
 * asks for once in 2^47, so nobody needs to wait for anybody. */
#define CP_STEP_SETS	    4096
#define CP_STEP_SHIFT_FIRST 56
#define CP_STEP_SHIFT_LAST  52
#define CP_STEP_WAYS	    4

struct cp_step_line {
	_Alignas(64) struct {
		_Atomic uint64_t mixed; /* pc ^ epoch ^ spread word */
		_Atomic uint64_t word;
	} way[CP_STEP_WAYS];
};

extern struct cp_step_cache {
	struct cp_step_line *line;
	_Atomic unsigned shift; /* so many upper bits of the product are the line's number */
} cp_step_cache;

/* Makes room for all of it: static room would count against RLIMIT_DATA before anything of ours
 * runs. From the constructor. */
void cp_step_open(void);

/* Bytes that it may touch now. At most CP_STEP_SETS lines. */
uint32_t cp_step_size(void);

static inline struct cp_step_line *cp_step_line(uint64_t pc)
{
	unsigned shift = atomic_load_explicit(&cp_step_cache.shift, memory_order_relaxed);

	return &cp_step_cache.line[(pc * UINT64_C(0x9e3779b97f4a7c15)) >> shift];
}

static inline uint64_t cp_step_spread(cp_word word)
{
	return word * UINT64_C(0xd1342543de82ef95); /* odd: no two words become one */
}

/* From the tables, and into the cache. Runs anywhere. */
cp_word cp_step_look_up(uint64_t pc, uint64_t epoch);

/* The rule of the code at pc. The epoch: cp_tables_epoch at the start of the walk. Runs anywhere.
 */
static inline cp_word cp_step_of(uint64_t pc, uint64_t epoch)
{
	struct cp_step_line *l = cp_step_line(pc);
	uint64_t key = pc ^ epoch;

	for (int i = 0; i < CP_STEP_WAYS; i++) {
		uint64_t mixed = atomic_load_explicit(&l->way[i].mixed, memory_order_relaxed);
		cp_word word = atomic_load_explicit(&l->way[i].word, memory_order_relaxed);

		if ((mixed ^ cp_step_spread(word)) == key && word)
			return word;
	}
	return cp_step_look_up(pc, epoch);
}

/* Whether the code at pc is a function's first instruction. As a return address, with no code known
 * before it, no call left it: the stack was made by hand and begins here (makecontext). */
int cp_step_is_entry(uint64_t pc, uint64_t epoch);

/* The same in full; 0: the tables say nothing. */
int cp_step_rules(uint64_t pc, struct cp_segment *table, struct cp_rules *rules);

/* Offsets are in words of 8 bytes: 20 bits for the CFA, 18 for each of the others. */
static inline enum cp_step cp_word_kind(cp_word w)
{
	return (enum cp_step)(w & 7);
}
static inline int cp_word_by_fp(cp_word w)
{
	return w >> 3 & 1;
}
static inline int cp_word_fp_saved(cp_word w)
{
	return w >> 4 & 1;
}
static inline int cp_word_return_saved(cp_word w)
{
	return w >> 5 & 1;
}
static inline int64_t cp_word_cfa(cp_word w)
{
	return ((int64_t)(w << 36) >> 44) * 8;
}
static inline int64_t cp_word_fp(cp_word w)
{
	return ((int64_t)(w << 18) >> 46) * 8;
}
static inline int64_t cp_word_return(cp_word w)
{
	return ((int64_t)w >> 46) * 8;
}
