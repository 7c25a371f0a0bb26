/* stacks.c - the table of stacks: rows filled from the front, found through an index of hashes. */
/* SPDX-License-Identifier: MIT */
#include "signal/stacks.h"

#include <string.h>

#include "signal/modules.h"

#include "signal/law.h"

/* Half of the index stays empty, so this many steps do not happen but by damage. */
#define PROBES 4096

struct stack {
	const uint64_t *pcs;
	size_t depth;
	uint64_t hash;
	uint32_t epoch;
	enum cp_kind kind;
	unsigned flags;
};

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	return h ^ (h >> 32);
}

static uint64_t hash_of(const struct stack *s)
{
	uint64_t h = mix((uint64_t)s->kind << 32 | s->flags, s->epoch);

	for (size_t i = 0; i < s->depth; i++)
		h = mix(h, s->pcs[i]);
	return mix(h, s->depth);
}

static int same(struct cp_recording *rec, const struct cp_row *row, const struct stack *s)
{
	const uint64_t *frames = cp_frames(rec) + row->frames_at;

	return row->hash == s->hash && row->depth == s->depth && row->flags == s->flags &&
	       atomic_load_explicit(&row->kind, memory_order_relaxed) == s->kind &&
	       frames[-1] == s->epoch && memcmp(frames, s->pcs, s->depth * sizeof *s->pcs) == 0;
}

/* Writes a new row that nobody sees yet; its number, or CP_NO_ROW. */
static uint32_t write_row(struct cp_recording *rec, const struct stack *s, enum cp_loss *why)
{
	uint32_t words = (uint32_t)s->depth + 1, at, number;
	struct cp_row *row;

	/* Looked at first, so that a full table's counter does not run round. */
	if (atomic_load_explicit(&rec->rows_used, memory_order_relaxed) >= rec->rows.max) {
		*why = CP_LOST_ROWS;
		return CP_NO_ROW;
	}
	if (atomic_load_explicit(&rec->frames_used, memory_order_relaxed) + words >
	    rec->frames.max) {
		*why = CP_LOST_FRAMES;
		return CP_NO_ROW;
	}
	at = atomic_fetch_add_explicit(&rec->frames_used, words, memory_order_relaxed);
	number = atomic_fetch_add_explicit(&rec->rows_used, 1, memory_order_relaxed);
	if (at + words > rec->frames.max || number >= rec->rows.max) {
		*why = number >= rec->rows.max ? CP_LOST_ROWS : CP_LOST_FRAMES;
		return CP_NO_ROW;
	}
	cp_frames(rec)[at] = s->epoch;
	memcpy(cp_frames(rec) + at + 1, s->pcs, s->depth * sizeof *s->pcs);
	row = cp_rows(rec) + number;
	row->hash = s->hash;
	row->frames_at = at + 1;
	row->depth = (uint16_t)s->depth;
	row->flags = (uint8_t)s->flags;
	atomic_store_explicit(&row->kind, (uint8_t)s->kind, memory_order_release);
	if (s->flags & CP_ROW_TRUNCATED)
		atomic_fetch_add_explicit(&rec->truncated_rows, 1, memory_order_relaxed);
	return number;
}

static uint32_t find_or_write(struct cp_recording *rec, const struct stack *s, enum cp_loss *why)
{
	_Atomic uint64_t *index = (_Atomic uint64_t *)((char *)rec + rec->index.at);
	uint64_t mask = rec->index.max - 1, tag = s->hash & UINT64_C(0xffffffff00000000);
	uint64_t slot = s->hash & mask, seen;
	uint32_t mine = CP_NO_ROW;

	for (int i = 0; i < PROBES; i++, slot = (slot + 1) & mask) {
		seen = atomic_load_explicit(&index[slot], memory_order_acquire);
		if (seen == 0) {
			if (mine == CP_NO_ROW)
				mine = write_row(rec, s, why);
			if (mine == CP_NO_ROW)
				return CP_NO_ROW;
			if (atomic_compare_exchange_strong_explicit(
				&index[slot], &seen, tag | (mine + 1), memory_order_acq_rel,
				memory_order_acquire))
				return mine;
		}
		if ((seen & UINT64_C(0xffffffff00000000)) == tag &&
		    same(rec, cp_rows(rec) + (uint32_t)seen - 1, s))
			return (uint32_t)seen - 1;
	}
	*why = CP_LOST_ROWS;
	return CP_NO_ROW;
}

uint32_t cp_stack_row(struct cp_recording *rec, enum cp_kind kind, const uint64_t *pcs,
		      size_t depth, unsigned flags, enum cp_loss *why)
{
	struct stack s = {.pcs = pcs, .depth = depth, .kind = kind, .flags = flags};

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
	return find_or_write(rec, &s, why);
}

uint32_t cp_stack_row_of(struct cp_recording *rec, struct cp_recording *other, uint32_t row,
			 enum cp_loss *why)
{
	const struct cp_row *old = cp_rows(other) + row;
	struct stack s = {.depth = old->depth, .flags = old->flags};

	s.kind = atomic_load_explicit(&old->kind, memory_order_acquire);
	s.pcs = cp_frames(other) + old->frames_at;
	s.epoch = (uint32_t)s.pcs[-1];
	s.hash = hash_of(&s);
	return find_or_write(rec, &s, why);
}

void cp_row_add(struct cp_recording *rec, enum cp_kind kind, uint32_t row, enum cp_loss why,
		unsigned counter, uint64_t by)
{
	if (row != CP_NO_ROW)
		cp_count(&cp_rows(rec)[row].counts.n[counter], by);
	else
		cp_count(&rec->lost[kind][why].n[counter], by);
}
