/* roster.c - slots for threads, taken by thread number, left empty at the end. */
/* SPDX-License-Identifier: MIT */
#include "signal/roster.h"

#include "signal/stacks.h"

#include "signal/law.h"

/* Thread numbers are nearly consecutive, so the first slot looked at is mostly free. The list is
 * three streets: who finds no place in the first, which is less than a page, looks in the second,
 * then in the last. */
#define PROBES	    64
#define FIRST	    64
#define SECOND	    1024
#define FEW_PROBES  16 /* in each of them */
#define WORTH_WHILE 2048

static struct cp_thread_slot *slots(struct cp_recording *rec)
{
	return (struct cp_thread_slot *)((char *)rec + rec->threads.at);
}

static void reach(struct cp_recording *rec, uint32_t used)
{
	uint32_t now = atomic_load_explicit(&rec->threads_used, memory_order_relaxed);

	while (now < used &&
	       !atomic_compare_exchange_weak_explicit(&rec->threads_used, &now, used,
						      memory_order_release, memory_order_relaxed))
		;
}

static uint32_t place(uint64_t max, uint64_t tid, uint64_t probe)
{
	uint64_t from = probe < FEW_PROBES ? 0 : probe < 2 * FEW_PROBES ? FIRST : SECOND;
	uint64_t to = probe < FEW_PROBES ? FIRST : probe < 2 * FEW_PROBES ? SECOND : max;

	if (max < WORTH_WHILE) {
		from = 0;
		to = max;
	}
	return (uint32_t)(from + (tid + probe) % (to - from));
}

static int claim(struct cp_recording *rec, struct cp_thread_slot *slot)
{
	uint32_t done = atomic_load_explicit(&rec->takes_done, memory_order_acquire);
	uint32_t now = atomic_load_explicit(&slot->state, memory_order_relaxed);

	return (now == CP_THREAD_FREE || cp_thread_is_over(now, done)) &&
	       atomic_compare_exchange_strong_explicit(&slot->state, &now, CP_THREAD_CLAIMED,
						       memory_order_acquire, memory_order_relaxed);
}

static void enter(struct cp_thread *self, uint32_t row)
{
	struct cp_recording *rec = cp_state.rec;

	self->slot = 0;
	self->has_rows = 0;
	for (uint64_t i = 0; i < PROBES; i++) {
		uint32_t n = place(rec->threads.max, (uint32_t)self->tid, i);
		struct cp_thread_slot *slot = slots(rec) + n;

		if (!claim(rec, slot))
			continue;
		slot->tid = self->tid;
		slot->row = row;
		atomic_store_explicit(&slot->name, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->state, CP_THREAD_ALIVE, memory_order_release);
		reach(rec, n + 1);
		self->slot = n + 1;
		return;
	}
}

void cp_roster_in(struct cp_thread *self, uint32_t row)
{
	self->row = row == CP_NO_ROW ? 0 : row + 1;
	self->counted = 1;
	self->name = 0;
	self->looks = 0;
	enter(self, row);
}

void cp_roster_met(struct cp_thread *self)
{
	enter(self, CP_NO_ROW);
}

void cp_roster_name(const struct cp_thread *self)
{
	atomic_store_explicit(&slots(cp_state.rec)[self->slot - 1].name, self->name,
			      memory_order_relaxed);
}

void cp_roster_made(uint32_t row, enum cp_loss why)
{
	cp_row_add(cp_state.rec, CP_KIND_THREAD, row, why, CP_THREADS_MADE, 1);
}

/* What is in its rows is the uploader's to take under its name: all that was counted before the
 * take that begins next. */
static uint32_t state_of(struct cp_recording *rec, const struct cp_thread *self)
{
	if (!self->has_rows)
		return CP_THREAD_FREE;
	atomic_thread_fence(memory_order_seq_cst); /* pairs with the uploader's */
	return cp_thread_ended(atomic_load_explicit(&rec->takes_begun, memory_order_relaxed));
}

void cp_roster_out(struct cp_thread *self)
{
	struct cp_recording *rec = cp_state.rec;

	if (self->slot)
		atomic_store_explicit(&slots(rec)[self->slot - 1].state, state_of(rec, self),
				      memory_order_release);
	if (self->counted)
		cp_row_add(rec, CP_KIND_THREAD, self->row - 1, CP_LOST_ROWS, CP_THREADS_ENDED, 1);
	self->slot = 0;
	self->row = 0;
	self->counted = 0;
}

void cp_roster_first(struct cp_thread *self)
{
	enum cp_loss why = CP_LOST_UNWIND;
	uint32_t row = cp_stack_row(cp_state.rec, CP_KIND_THREAD, 0, &cp_state.entry, 1,
				    CP_ROW_LEAF_IS_PC, &why);

	cp_roster_made(row, why);
	cp_roster_in(self, row);
}
