/* roster.c - slots for threads, taken by thread number, left empty at the end. */
/* SPDX-License-Identifier: MIT */
#include "signal/roster.h"

#include "signal/stacks.h"

#include "signal/law.h"

#define PROBES                                                                                     \
	64 /* thread numbers are nearly consecutive: the first slot is nearly always free          \
	    */

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

void cp_roster_in(struct cp_thread *self, uint32_t row)
{
	struct cp_recording *rec = cp_state.rec;
	uint64_t max = rec->threads.max;

	self->row = row == CP_NO_ROW ? 0 : row + 1;
	self->slot = 0;
	for (uint64_t i = 0; i < PROBES; i++) {
		uint32_t n = (uint32_t)(((uint64_t)self->tid + i) % max);
		struct cp_thread_slot *slot = slots(rec) + n;
		uint32_t empty = CP_THREAD_FREE;

		if (!atomic_compare_exchange_strong_explicit(
			&slot->state, &empty, CP_THREAD_CLAIMED, memory_order_acquire,
			memory_order_relaxed))
			continue;
		slot->tid = self->tid;
		slot->row = row;
		atomic_store_explicit(&slot->state, CP_THREAD_ALIVE, memory_order_release);
		reach(rec, n + 1);
		self->slot = n + 1;
		return;
	}
}

void cp_roster_made(uint32_t row, enum cp_loss why)
{
	cp_row_add(cp_state.rec, CP_KIND_THREAD, row, why, CP_THREADS_MADE, 1);
}

void cp_roster_out(struct cp_thread *self)
{
	struct cp_recording *rec = cp_state.rec;

	if (self->slot)
		atomic_store_explicit(&slots(rec)[self->slot - 1].state, CP_THREAD_FREE,
				      memory_order_release);
	cp_row_add(rec, CP_KIND_THREAD, self->row - 1, CP_LOST_ROWS, CP_THREADS_ENDED, 1);
	self->slot = 0;
	self->row = 0;
}

void cp_roster_first(struct cp_thread *self)
{
	enum cp_loss why = CP_LOST_UNWIND;
	uint32_t row =
	    cp_stack_row(cp_state.rec, CP_KIND_THREAD, &cp_state.entry, 1, CP_ROW_LEAF_IS_PC, &why);

	cp_roster_made(row, why);
	cp_roster_in(self, row);
}
