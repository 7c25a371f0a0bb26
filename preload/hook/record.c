/* record.c - what is recorded of a sampled block: its stack, its weight, its end. */
/* SPDX-License-Identifier: MIT */
#include "hook/record.h"

#include "base/attrs.h"
#include "signal/adopt.h"
#include "signal/apart.h"
#include "signal/blocks.h"
#include "signal/live.h"
#include "signal/modules.h"
#include "signal/moving.h"
#include "signal/near.h"
#include "signal/reserved.h"
#include "signal/stacks.h"
#include "signal/unwind.h"
#include "signal/who.h"

#include "hook/law.h"

struct sampled {
	const void *block;
	size_t size;
	int can_follow;
};

/* An address that is handed out anew is nobody's: its last block's end was not seen. */
static int follow(const void *block, size_t size, uint32_t row)
{
	struct cp_block before;

	cp_block_end(block, &before);
	return cp_live_add(block, size, row);
}

static void count_hit(unsigned flags)
{
	_Atomic uint64_t *hits = cp_state.rec->hits;

	cp_count(&hits[CP_HITS], 1);
	if (flags & (CP_ROW_TRUNCATED | CP_ROW_GAP))
		cp_count(&hits[CP_HITS_DEEP], 1);
	if (flags & CP_ROW_ENDED_EARLY)
		cp_count(&hits[CP_HITS_EARLY], 1);
}

/* Allocated; and, where the block can't be followed to its end, freed at once: better not live than
 * live for ever. */
static void count(const struct sampled *s, uint32_t row, enum cp_loss why, unsigned flags)
{
	count_hit(row == CP_NO_ROW ? 0 : flags); /* before a loss: so a reader finds no more lost */
	cp_block_count(row, why, CP_ALLOC_OBJECTS, s->size);
	if (row != CP_NO_ROW && s->can_follow && follow(s->block, s->size, row) == 0)
		return;
	cp_count(&cp_state.rec->hits[CP_HITS_LOST + (row == CP_NO_ROW ? why : CP_LOST_LIVE)], 1);
	cp_block_count(row, why, CP_FREED_OBJECTS, s->size);
	if (row != CP_NO_ROW) {
		cp_block_count(CP_NO_ROW, CP_LOST_LIVE, CP_ALLOC_OBJECTS, s->size);
		cp_block_count(CP_NO_ROW, CP_LOST_LIVE, CP_FREED_OBJECTS, s->size);
	}
}

static void record_apart(const struct cp_apart *apart, void *arg)
{
	enum cp_loss why = CP_LOST_BUSY;
	uint32_t row = CP_NO_ROW;
	unsigned flags = 0;

	int awake = cp_awake(apart->self);

	if (!awake)
		return;
	if (awake < 0) {
		count(arg, CP_NO_ROW, CP_LOST_PAUSED, 0);
		return;
	}
	cp_reserved_keep();
	if (apart->scratch) {
		uint64_t *pcs = apart->scratch->pcs;
		size_t depth;

		/* The loader takes libunwind's TLS from malloc, once. */
		cp_witness_rest(apart->self, 1);
		depth = cp_unwind_here(apart, pcs, CP_DEPTH, &flags);
		cp_witness_rest(apart->self, 0);
		row = cp_stack_row(cp_state.rec,
				   cp_whose(CP_KIND_HEAP, cp_who(apart->self, CP_KIND_HEAP)), pcs,
				   depth, flags, &why);
		if (depth)
			cp_modules_look_for(pcs[0]);
	}
	count(arg, row, why, flags);
	cp_moving_look();
}

/* 4 KiB of addresses: a frame of its own, which is there only where there is room for it. */
static CP_NOINLINE int record_near(struct cp_thread *self, const struct sampled *sampled)
{
	enum cp_loss why = CP_LOST_UNWIND;
	uint64_t pcs[CP_DEPTH];
	unsigned flags = 0;
	size_t depth =
	    cp_unwind_near(__builtin_frame_address(0), self->stack_high, pcs, CP_DEPTH, &flags);
	uint32_t row;

	if (!depth)
		return 0;
	row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_HEAP, cp_who(self, CP_KIND_HEAP)), pcs,
			   depth, flags, &why);
	count(sampled, row, why, flags);
	return 1;
}

/* What holds something while it is done: the handler's place, the list of modules, the heartbeat. A
 * child that only borrows our memory (vfork) leaves it to its parent. */
static void look_after(const struct cp_apart *apart, void *unused)
{
	(void)unused;
	if (cp_awake(apart->self) <= 0)
		return;
	cp_reserved_keep();
	cp_moving_look();
}

/* After one sample in 64: two system calls and more. */
#define NOW_AND_THEN 63

void cp_record_nothing(void)
{
	if (!(cp_self.rng & NOW_AND_THEN))
		cp_apart(look_after, NULL);
}

void cp_record(const void *block, size_t size, int can_follow)
{
	struct sampled sampled = {block, size, can_follow};
	struct cp_thread *self = &cp_self;
	int done = 0;

	if (cp_near_enter(self, __builtin_frame_address(0))) {
		done = record_near(self, &sampled);
		cp_near_leave(self);
	}
	if (!done)
		cp_apart(record_apart, &sampled);
	else if (!(self->rng & NOW_AND_THEN))
		cp_apart(look_after, NULL);
}
