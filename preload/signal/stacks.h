/* stacks.h - a stack becomes a row: found or made once, then only added to. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/pool.h"

/* Who may meet whom: any number of threads and handlers may look up and add at the same time (the
 * door keeps a handler out of its own thread's insertion). Rows are written before they are
 * published in the index (release), and read after they are found there (acquire). Two threads that
 * insert the same stack at once may both write a row; one is published, the other stays unused. */

/* The tables of a recording, typed. */
static inline struct cp_row *cp_rows(struct cp_recording *rec)
{
	return (struct cp_row *)((char *)rec + rec->rows.at);
}

static inline void cp_count(_Atomic uint64_t *counter, uint64_t by)
{
	atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

#define CP_NO_ROW UINT32_MAX

/* The index is three streets of slots, each sixteen times as long as the one before it: who finds
 * no place in a cache line of the first looks in the second, then in the last. So a few stacks
 * touch one page of it, not one each. */
#define CP_INDEX_FIRST	       512
#define CP_INDEX_SECOND	       8192
#define CP_INDEX_LAST(shrink)  ((UINT64_C(1) << 17) >> (shrink))
#define CP_INDEX_SLOTS(shrink) (CP_INDEX_FIRST + CP_INDEX_SECOND + CP_INDEX_LAST(shrink))

/* Fills the empty index of a recording that has rows already. */
void cp_stacks_enter(struct cp_recording *rec);

/* What a row counts, and who it is of (who.h). */
struct cp_whose {
	enum cp_kind kind;
	uint32_t who;
};

static inline struct cp_whose cp_whose(enum cp_kind kind, uint32_t who)
{
	return (struct cp_whose){kind, who};
}

/* The row of this stack and of whose it is (who.h) in this recording. A new row is nobody's once
 * the tables are nearly full. CP_NO_ROW when one is full, with the cause in *why (enum cp_loss).
 * Runs anywhere. */
uint32_t cp_stack_row(struct cp_recording *rec, struct cp_whose whose, const uint64_t *pcs,
		      size_t depth, unsigned flags, enum cp_loss *why);

/* The row of a stack that stands in another recording, whose modules are this one's, too: its
 * addresses mean what they meant then. */
uint32_t cp_stack_row_of(struct cp_recording *rec, struct cp_recording *other, uint32_t row,
			 enum cp_loss *why);

/* Adds to one counter of a row, or, if there is no row, to what was lost for this cause. */
void cp_row_add(struct cp_recording *rec, enum cp_kind kind, uint32_t row, enum cp_loss why,
		unsigned counter, uint64_t by);
