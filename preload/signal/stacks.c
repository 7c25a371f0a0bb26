/* stacks.c - the table of stacks: rows filled from the front, found through an index of hashes. */
/* SPDX-License-Identifier: MIT */
#include "signal/stacks.h"

#include "base/attrs.h"
#include "signal/modules.h"
#include "signal/names.h"

#include "signal/law.h"

/* Half of the index stays empty, so this many steps do not happen but by damage. */
#define STEPS 4096
#define LINE  8 /* slots */

struct stack {
	const uint64_t *pcs;
	size_t depth;
	uint64_t hash;
	uint32_t epoch, who;
	enum cp_kind kind;
	unsigned flags;
};

/* The word in front of a row's frames. */
static uint64_t word_of(const struct stack *s)
{
	return (uint64_t)s->who << 32 | s->epoch;
}

static uint64_t hash_of(const struct stack *s)
{
	uint64_t h = cp_mix((uint64_t)s->kind << 32 | s->flags, word_of(s));

	for (size_t i = 0; i < s->depth; i++)
		h = cp_mix(h, s->pcs[i]);
	return cp_mix(h, s->depth);
}

static int same(struct cp_recording *rec, const struct cp_row *row, const struct stack *s)
{
	return row->hash == s->hash && row->depth == s->depth && row->flags == s->flags &&
	       atomic_load_explicit(&row->kind, memory_order_relaxed) == s->kind &&
	       cp_frames(rec)[row->frames_at - 1] == word_of(s) &&
	       cp_pool_same(rec, row->frames_at, s->pcs, s->depth);
}

/* Then stacks are worth more than whose they were: all threads share what is still to be written.
 */
static int is_crowded(const struct cp_recording *rec)
{
	uint64_t rows = atomic_load_explicit(&rec->rows_used, memory_order_relaxed);
	uint64_t frames = atomic_load_explicit(&rec->frames_used, memory_order_relaxed);

	return rows >= rec->rows.max / 4 * 3 || frames >= rec->frames.max / 4 * 3;
}

/* Writes a new row that nobody sees yet; its number, or CP_NO_ROW. */
static uint32_t write_row(struct cp_recording *rec, const struct stack *s, enum cp_loss *why)
{
	uint32_t at, number;
	struct cp_row *row;

	/* Looked at first, so that a full table's counter does not run round. */
	*why = CP_LOST_ROWS;
	if (atomic_load_explicit(&rec->rows_used, memory_order_relaxed) >= rec->rows.max ||
	    (s->who && is_crowded(rec)))
		return CP_NO_ROW;
	at = cp_pool_write(rec, s->pcs, s->depth, word_of(s));
	if (!at) {
		*why = CP_LOST_FRAMES;
		return CP_NO_ROW;
	}
	number = atomic_fetch_add_explicit(&rec->rows_used, 1, memory_order_relaxed);
	if (number >= rec->rows.max)
		return CP_NO_ROW;
	row = cp_rows(rec) + number;
	row->hash = s->hash;
	row->frames_at = at;
	row->depth = (uint16_t)s->depth;
	row->flags = (uint8_t)s->flags;
	atomic_store_explicit(&row->kind, (uint8_t)s->kind, memory_order_release);
	return number;
}

/* The slot of the index in which a hash is looked for at this step. */
static _Atomic uint64_t *slot_at(struct cp_recording *rec, uint64_t hash, uint64_t step)
{
	_Atomic uint64_t *index = (_Atomic uint64_t *)((char *)rec + rec->index.at);
	uint64_t mask = rec->index.max - CP_INDEX_FIRST - CP_INDEX_SECOND - 1;

	if (step < LINE)
		return index + (hash & (CP_INDEX_FIRST - LINE)) + ((hash + step) & (LINE - 1));
	index += CP_INDEX_FIRST;
	if (step < 2 * LINE)
		return index + (hash & (CP_INDEX_SECOND - LINE)) + ((hash + step) & (LINE - 1));
	return index + CP_INDEX_SECOND + ((hash + step) & mask);
}

static uint64_t tag_of(uint64_t hash)
{
	return hash & UINT64_C(0xffffffff00000000);
}

static uint32_t find_or_write(struct cp_recording *rec, const struct stack *s, enum cp_loss *why)
{
	uint64_t tag = tag_of(s->hash), seen;
	uint32_t mine = CP_NO_ROW;

	for (uint64_t i = 0; i < STEPS; i++) {
		_Atomic uint64_t *slot = slot_at(rec, s->hash, i);

		seen = atomic_load_explicit(slot, memory_order_acquire);
		if (seen == 0) {
			if (mine == CP_NO_ROW)
				mine = write_row(rec, s, why);
			if (mine == CP_NO_ROW)
				return CP_NO_ROW;
			if (atomic_compare_exchange_strong_explicit(slot, &seen, tag | (mine + 1),
								    memory_order_acq_rel,
								    memory_order_acquire))
				return mine;
		}
		if (tag_of(seen) == tag && same(rec, cp_rows(rec) + (uint32_t)seen - 1, s))
			return (uint32_t)seen - 1;
	}
	*why = CP_LOST_ROWS;
	return CP_NO_ROW;
}

/* Or, for want of room, nobody's. */
static uint32_t somebodys(struct cp_recording *rec, struct stack *s, enum cp_loss *why)
{
	uint32_t row = find_or_write(rec, s, why);

	if (CP_LIKELY(row != CP_NO_ROW) || !s->who)
		return row;
	s->who = 0;
	s->hash = hash_of(s);
	return find_or_write(rec, s, why);
}

/* Nobody else is there yet. */
void cp_stacks_enter(struct cp_recording *rec)
{
	uint64_t rows = atomic_load_explicit(&rec->rows_used, memory_order_relaxed);

	for (uint64_t n = 0; n < rows && n < rec->rows.max; n++) {
		const struct cp_row *row = cp_rows(rec) + n;
		_Atomic uint64_t *slot = NULL;

		for (uint64_t i = 0; i < STEPS; i++) {
			slot = slot_at(rec, row->hash, i);
			if (atomic_load_explicit(slot, memory_order_relaxed) == 0)
				break;
		}
		if (atomic_load_explicit(&row->kind, memory_order_relaxed) != CP_KIND_NONE)
			atomic_store_explicit(slot, tag_of(row->hash) | (n + 1),
					      memory_order_relaxed);
	}
}

uint32_t cp_stack_row(struct cp_recording *rec, struct cp_whose whose, const uint64_t *pcs,
		      size_t depth, unsigned flags, enum cp_loss *why)
{
	struct stack s = {
	    .pcs = pcs, .depth = depth, .who = whose.who, .kind = whose.kind, .flags = flags};

	if (depth == 0) {
		*why = CP_LOST_UNWIND;
		return CP_NO_ROW;
	}
	if (!cp_modules_meet(pcs, depth)) {
		*why = CP_LOST_BUSY;
		return CP_NO_ROW;
	}
	s.epoch = atomic_load_explicit(&rec->epoch, memory_order_relaxed);
	s.hash = hash_of(&s);
	return somebodys(rec, &s, why);
}

uint32_t cp_stack_row_of(struct cp_recording *rec, struct cp_recording *other, uint32_t row,
			 enum cp_loss *why)
{
	const struct cp_row *old = cp_rows(other) + row;
	uint64_t pcs[CP_DEPTH];
	struct stack s = {.pcs = pcs, .depth = old->depth, .flags = old->flags};

	s.kind = atomic_load_explicit(&old->kind, memory_order_acquire);
	s.epoch = (uint32_t)cp_frames(other)[old->frames_at - 1];
	s.who = cp_who_of(rec, other, (uint32_t)(cp_frames(other)[old->frames_at - 1] >> 32));
	if (s.depth > CP_DEPTH || cp_pool_read(other, old->frames_at, pcs, s.depth) != 0) {
		*why = CP_LOST_FRAMES;
		return CP_NO_ROW;
	}
	s.hash = hash_of(&s);
	return somebodys(rec, &s, why);
}

void cp_row_add(struct cp_recording *rec, enum cp_kind kind, uint32_t row, enum cp_loss why,
		unsigned counter, uint64_t by)
{
	if (row != CP_NO_ROW)
		cp_count(&cp_rows(rec)[row].counts.n[counter], by);
	else
		cp_count(&rec->lost[kind][why].n[counter], by);
}
