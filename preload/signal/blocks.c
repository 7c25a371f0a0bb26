/* blocks.c - the books of sampled blocks, which stay right while the recording is exchanged. */
/* SPDX-License-Identifier: MIT */
#include "signal/blocks.h"

#include "base/draw.h"
#include "signal/live.h"
#include "signal/near.h"

#include "signal/law.h"

static void count_in(struct cp_recording *rec, uint32_t row, enum cp_loss why, unsigned objects,
		     size_t size)
{
	struct cp_weighed weighed = cp_weigh(size, cp_state.heap_interval);

	cp_row_add(rec, CP_KIND_HEAP, row, why, objects, weighed.objects);
	cp_row_add(rec, CP_KIND_HEAP, row, why, objects + 1, weighed.bytes);
}

void cp_block_count(uint32_t row, enum cp_loss why, unsigned objects, size_t size)
{
	count_in(cp_state.rec, row, why, objects, size);
}

/* A block without a row was carried over into a table that was full: then it is inherited there. */
static void count_end(size_t size, uint32_t row)
{
	if (cp_remembers() && (row == CP_NO_ROW || row < cp_state.rec->rows.max))
		cp_block_count(row, CP_LOST_ROWS, CP_FREED_OBJECTS, size);
}

/* Whoever exchanges the recording may have begun just now, or be done with it just now. */
static void end_meanwhile(const struct cp_lodger *one, struct cp_block *was)
{
	was->renewals = UINT32_MAX; /* nobody knows now */
	was->row = CP_NO_ROW;
	was->size = cp_live_leave(one);
	if (!cp_is_moving() && cp_live_return(one, &was->size, &was->row))
		count_end(was->size, was->row);
}

int cp_block_end(const void *block, struct cp_block *was)
{
	struct cp_thread *self = &cp_self;
	struct cp_lodger one;

	if (CP_LIKELY(!cp_live_find(block, &one)))
		return 0;
	cp_near_hold(self, __builtin_frame_address(0));
	if (CP_UNLIKELY(cp_is_moving())) {
		end_meanwhile(&one, was);
	} else {
		cp_live_take(&one, &was->size, &was->row);
		was->renewals = cp_renewals();
		count_end(was->size, was->row);
	}
	cp_near_leave(self);
	return 1;
}

/* If its row is not to be had any more, it is followed no longer: as if it had ended. */
void cp_block_go_on(const void *block, const struct cp_block *was)
{
	struct cp_thread *self = &cp_self;
	int known;

	cp_near_hold(self, __builtin_frame_address(0));
	known = !cp_is_moving() && was->renewals == cp_renewals();
	if (known && cp_live_add(block, was->size, was->row) == 0) {
		if (cp_remembers() && (was->row == CP_NO_ROW || was->row < cp_state.rec->rows.max))
			cp_block_count(was->row, CP_LOST_ROWS, CP_INHERITED_OBJECTS, was->size);
	} else if (cp_remembers()) {
		cp_count(&cp_state.rec->hits[CP_HITS_LOST + CP_LOST_LIVE], 1);
	}
	cp_near_leave(self);
}

void cp_blocks_settle(void)
{
	cp_live_clear(count_end);
}

/* ---- to another recording ---- */

struct copying {
	struct cp_recording *to, *from;
	uint32_t *map;
};

/* Adds the block to what is inherited there. */
static uint32_t inherit(const struct copying *c, size_t size, uint32_t row)
{
	enum cp_loss why = CP_LOST_ROWS;
	uint32_t theirs = CP_NO_ROW;

	if (row < c->from->rows.max)
		theirs = cp_stack_row_of(c->to, c->from, row, &why);
	count_in(c->to, theirs, CP_LOST_ROWS, CP_INHERITED_OBJECTS, size);
	return theirs;
}

static uint32_t copy_one(size_t size, uint32_t row, int later, void *arg)
{
	const struct copying *c = arg;

	(void)later;
	if (row < c->from->rows.max && c->map[row])
		count_in(c->to, c->map[row] - 1, CP_LOST_ROWS, CP_INHERITED_OBJECTS, size);
	else if (row < c->from->rows.max)
		c->map[row] = inherit(c, size, row) + 1;
	else
		inherit(c, size, row);
	return row;
}

void cp_blocks_copy(struct cp_recording *to, struct cp_recording *from, uint32_t *map)
{
	struct copying c = {.to = to, .from = from};

	c.map = map;
	cp_live_each(copy_one, &c);
}

static uint32_t turn_one(size_t size, uint32_t row, int later, void *arg)
{
	const struct copying *c = arg;

	(void)size;
	(void)later;
	return row < c->to->rows.max ? c->map[row] - 1 : CP_NO_ROW;
}

void cp_blocks_turn(uint32_t *map)
{
	struct copying c = {.to = cp_state.rec, .from = NULL};

	c.map = map;
	cp_live_each(turn_one, &c);
}

/* The parent may have been half way between two recordings: what it had turned already is the new
 * one's, which is ours then. */
static uint32_t adopt_one(size_t size, uint32_t row, int later, void *arg)
{
	const struct copying *c = arg;

	if (later != (int)(c->from->renewals & 1))
		row = c->map && row < c->from->rows.max ? c->map[row] - 1 : CP_NO_ROW;
	return inherit(c, size, row);
}

void cp_blocks_adopt(struct cp_recording *from, uint32_t *map)
{
	struct copying c = {.to = cp_state.rec, .from = from};

	c.map = map;
	cp_live_clear(NULL);
	cp_live_each(adopt_one, &c);
}
