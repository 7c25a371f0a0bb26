/* roster.c - slots for threads, taken by thread number, left empty at the end. */
/* SPDX-License-Identifier: MIT */
#include "signal/roster.h"

#include "base/attrs.h"
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

/* ---- what is counted ---- */

/* Its row in this recording. In one that was renewed since, those of living threads stand first. */
static uint32_t row_of(const struct cp_made *made)
{
	struct cp_recording *rec = cp_state.rec;

	if (!made->counted || made->row == CP_NO_ROW || made->renewals == rec->renewals)
		return made->counted ? made->row : CP_NO_ROW;
	for (uint32_t row = 0; row < rec->kept_threads; row++)
		if (cp_rows(rec)[row].hash == made->hash)
			return row;
	return CP_NO_ROW;
}

static void count(uint32_t row, enum cp_loss why, unsigned counter)
{
	if (cp_state.types & CP_TYPE_THREAD)
		cp_row_add(cp_state.rec, CP_KIND_THREAD, row, why, counter, 1);
}

/* All ends without a row are counted under one cause. */
static void count_end(const struct cp_made *made)
{
	if (made->counted)
		count(row_of(made), CP_LOST_ROWS, CP_THREADS_ENDED);
}

/* ---- slots ---- */

/* None while the recording is exchanged: its first tick brings it in (cp_roster_met). */
static void enter(struct cp_thread *self)
{
	struct cp_recording *rec = cp_state.rec;

	self->slot = 0;
	self->has_rows = 0;
	for (uint64_t i = 0; i < PROBES && !cp_is_moving(); i++) {
		uint32_t n = place(rec->threads.max, (uint32_t)self->tid, i);
		struct cp_thread_slot *slot = slots(rec) + n;

		if (!claim(rec, slot))
			continue;
		slot->tid = self->tid;
		slot->row = row_of(&self->made);
		atomic_store_explicit(&slot->name, 0, memory_order_relaxed);
		atomic_store_explicit(&slot->state, CP_THREAD_ALIVE, memory_order_release);
		reach(rec, n + 1);
		self->slot = n + 1;
		return;
	}
}

void cp_roster_in(struct cp_thread *self, const struct cp_made *made)
{
	self->made = *made;
	self->name = 0;
	self->looks = 0;
	enter(self);
}

void cp_roster_met(struct cp_thread *self)
{
	enter(self);
}

void cp_roster_name(const struct cp_thread *self)
{
	atomic_store_explicit(&slots(cp_state.rec)[self->slot - 1].name, self->name,
			      memory_order_relaxed);
}

/* What is in its rows is the uploader's to take under its name: all that was counted before the
 * take that begins next. */
static uint32_t state_of(struct cp_recording *rec, int has_rows)
{
	if (!has_rows)
		return CP_THREAD_FREE;
	atomic_thread_fence(memory_order_seq_cst); /* pairs with the uploader's */
	return cp_thread_ended(atomic_load_explicit(&rec->takes_begun, memory_order_relaxed));
}

static void leave_slot(uint32_t slot, int tid, int has_rows)
{
	struct cp_thread_slot *its = slots(cp_state.rec) + slot - 1;

	if (slot && its->tid == tid)
		atomic_store_explicit(&its->state, state_of(cp_state.rec, has_rows),
				      memory_order_release);
}

/* ---- what is counted later ---- */

/* While the recording is exchanged, whoever is made or ends leaves word, and does not wait. */
#define LATE 256
enum { FREE, HELD, WRITTEN };

static CP_LATE struct late {
	_Atomic uint32_t state;
	uint32_t slot; /* that the thread leaves */
	int tid, has_rows;
	int is_end;
	struct cp_made made;
} late[LATE];

static int take_word(struct late *word)
{
	uint32_t written = WRITTEN;

	return atomic_compare_exchange_strong(&word->state, &written, HELD);
}

static void give_word(struct late *word)
{
	atomic_store_explicit(&word->state, FREE, memory_order_release);
}

/* 1: it is counted by who exchanges the recording. 0: it is not to be had, or he is done. */
static int leave_word(const struct late *says)
{
	for (int i = 0; i < LATE; i++) {
		uint32_t empty = FREE;

		if (!atomic_compare_exchange_strong(&late[i].state, &empty, HELD))
			continue;
		late[i].slot = says->slot;
		late[i].tid = says->tid;
		late[i].has_rows = says->has_rows;
		late[i].is_end = says->is_end;
		late[i].made = says->made;
		atomic_store(&late[i].state, WRITTEN);
		if (cp_is_moving() || !take_word(&late[i]))
			return 1;
		give_word(&late[i]);
		return 0;
	}
	return 0;
}

static void hear(const struct late *word)
{
	if (word->is_end) {
		leave_slot(word->slot, word->tid, word->has_rows);
		count_end(&word->made);
	} else {
		count(CP_NO_ROW, CP_LOST_PAUSED, CP_THREADS_MADE);
	}
}

void cp_roster_settle(void)
{
	for (int i = 0; i < LATE; i++)
		if (take_word(&late[i])) {
			hear(&late[i]);
			give_word(&late[i]);
		}
}

void cp_roster_forked(void)
{
	for (int i = 0; i < LATE; i++)
		give_word(&late[i]);
}

/* ---- threads ---- */

struct cp_made cp_roster_made(uint32_t row, enum cp_loss why)
{
	const struct late word = {.is_end = 0};
	struct cp_made made = {.counted = 1, .row = row, .renewals = cp_renewals()};

	if (row != CP_NO_ROW)
		made.hash = cp_rows(cp_state.rec)[row].hash;
	else if (cp_is_moving() && leave_word(&word))
		return made;
	count(row, why, CP_THREADS_MADE);
	return made;
}

static void end(const struct late *word)
{
	if (!cp_is_moving() || !leave_word(word))
		hear(word);
}

void cp_roster_ended(const struct cp_made *made)
{
	const struct late word = {.is_end = 1, .made = *made};

	end(&word);
}

void cp_roster_out(struct cp_thread *self)
{
	const struct late word = {.is_end = 1,
				  .made = self->made,
				  .slot = self->slot,
				  .tid = self->tid,
				  .has_rows = self->has_rows};

	end(&word);
	self->slot = 0;
	self->made.counted = 0;
}

void cp_roster_first(struct cp_thread *self)
{
	enum cp_loss why = CP_LOST_UNWIND;
	uint32_t row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_THREAD, 0), &cp_state.entry, 1,
				    CP_ROW_LEAF_IS_PC, &why);
	struct cp_made made = cp_roster_made(row, why);

	cp_roster_in(self, &made);
}
