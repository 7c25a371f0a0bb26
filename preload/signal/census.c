/* census.c - the living threads, taken over into a recording that follows. */
/* SPDX-License-Identifier: MIT */
#include "signal/names.h"
#include "signal/roster.h"

#include "signal/law.h"

static struct cp_thread_slot *slots(struct cp_recording *rec)
{
	return (struct cp_thread_slot *)((char *)rec + rec->threads.at);
}

static uint64_t living(struct cp_counts *counts)
{
	uint64_t ended = atomic_load_explicit(&counts->n[CP_THREADS_ENDED], memory_order_acquire);
	uint64_t made = atomic_load_explicit(&counts->n[CP_THREADS_MADE], memory_order_relaxed);

	return made > ended ? made - ended : 0;
}

/* As made before: the mark keeps the uploader from counting them as new. */
static void keep(struct cp_counts *counts, struct cp_mark *mark, uint64_t n)
{
	cp_count(&counts->n[CP_THREADS_MADE], n);
	mark->n[CP_THREADS_MADE] += n;
}

static void keep_lost(struct cp_recording *to, enum cp_loss why, uint64_t n)
{
	if (n)
		keep(&to->lost[CP_KIND_THREAD][why], &to->lost_marks[CP_KIND_THREAD][why], n);
}

/* Those without a row have ended without a cause: so together they are as many as they are. */
static void copy_lost(struct cp_recording *to, struct cp_recording *from)
{
	struct cp_counts *lost = from->lost[CP_KIND_THREAD];
	uint64_t ended = 0;

	for (int why = 0; why < CP_LOSSES; why++)
		ended += atomic_load_explicit(&lost[why].n[CP_THREADS_ENDED], memory_order_relaxed);
	for (int why = 0; why < CP_LOSSES; why++) {
		uint64_t made =
		    atomic_load_explicit(&lost[why].n[CP_THREADS_MADE], memory_order_relaxed);
		uint64_t paid = made < ended ? made : ended;

		ended -= paid;
		keep_lost(to, (enum cp_loss)why, made - paid);
	}
}

static uint32_t turned(const struct cp_recording *from, const uint32_t *map, uint32_t row)
{
	return row < from->rows.max ? map[row] - 1 : CP_NO_ROW;
}

/* Its number there, + 1: a name comes along with whoever is called so now. */
static uint32_t renamed(struct cp_recording *to, struct cp_recording *from, uint32_t slot)
{
	uint32_t name = atomic_load_explicit(&slots(from)[slot].name, memory_order_relaxed);

	return cp_who_of(to, from, CP_WHO_NAME | name) & ~CP_WHO_NAME;
}

/* Those of threads that have ended are free: none of their rows comes along. */
static void copy_slots(struct cp_recording *to, struct cp_recording *from, const uint32_t *map)
{
	uint32_t used = atomic_load_explicit(&from->threads_used, memory_order_acquire);

	for (uint32_t n = 0; n < used && n < to->threads.max; n++)
		if (atomic_load_explicit(&slots(from)[n].state, memory_order_acquire) ==
		    CP_THREAD_ALIVE) {
			slots(to)[n].tid = slots(from)[n].tid;
			slots(to)[n].row = turned(from, map, slots(from)[n].row);
			slots(to)[n].name = renamed(to, from, n);
			atomic_store_explicit(&slots(to)[n].state, CP_THREAD_ALIVE,
					      memory_order_relaxed);
			to->threads_used = n + 1;
		}
}

void cp_roster_copy(struct cp_recording *to, struct cp_recording *from, uint32_t *map)
{
	struct cp_mark *marks = (struct cp_mark *)((char *)to + to->marks.at);
	uint64_t rows = atomic_load_explicit(&from->rows_used, memory_order_acquire);
	enum cp_loss why = CP_LOST_ROWS;

	for (uint64_t n = 0; n < rows && n < from->rows.max; n++) {
		struct cp_row *row = cp_rows(from) + n;
		uint64_t alive = living(&row->counts);
		uint32_t mine;

		if (atomic_load_explicit(&row->kind, memory_order_acquire) != CP_KIND_THREAD ||
		    !alive)
			continue;
		mine = cp_stack_row_of(to, from, (uint32_t)n, &why);
		if (mine == CP_NO_ROW)
			keep_lost(to, why, alive);
		else
			keep(&cp_rows(to)[mine].counts, &marks[mine], alive);
		map[n] = mine + 1;
	}
	copy_lost(to, from);
	copy_slots(to, from, map);
	to->kept_threads = atomic_load_explicit(&to->rows_used, memory_order_relaxed);
}
