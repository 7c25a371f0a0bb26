/* living.c - threads that are alive, those without a row as well. */
/* SPDX-License-Identifier: MIT */
#include "encoder/view.h"

uint64_t cp_view_living(const uint64_t n[CP_COUNTERS], uint64_t *ended)
{
	uint64_t paid = n[CP_THREADS_MADE] < *ended ? n[CP_THREADS_MADE] : *ended;
	*ended -= paid;
	return n[CP_THREADS_MADE] - paid;
}

uint64_t cp_view_lost_ended(const struct cp_view *view)
{
	struct cp_recording *shared = cp_view_header(view);
	uint64_t ended = 0;
	for (int cause = 0; cause < CP_LOSSES; cause++)
		/* acquire: read before CP_THREADS_MADE */
		ended = cp_more(ended, atomic_load_explicit(
					   &shared->lost[CP_KIND_THREAD][cause].n[CP_THREADS_ENDED],
					   memory_order_acquire));
	return ended;
}

uint64_t cp_view_threads(const struct cp_view *view)
{
	struct cp_view_row row;
	uint64_t threads = 0;
	uint32_t rows = cp_view_rows(view);
	for (uint32_t i = 0; i < rows; i++)
		if (!cp_view_row(view, i, &row) && row.kind == CP_KIND_THREAD)
			threads = cp_more(threads,
					  cp_less(row.n[CP_THREADS_MADE], row.n[CP_THREADS_ENDED]));
	struct cp_recording *shared = cp_view_header(view);
	uint64_t ended = cp_view_lost_ended(view);
	for (int cause = 0; cause < CP_LOSSES; cause++) {
		uint64_t n[CP_COUNTERS];
		cp_view_counts(&shared->lost[CP_KIND_THREAD][cause], CP_KIND_THREAD, n);
		threads = cp_more(threads, cp_view_living(n, &ended));
	}
	return threads;
}

static void fill(_Atomic uint32_t *used, const struct cp_table *table, uint64_t out[2])
{
	uint64_t now = atomic_load_explicit(used, memory_order_relaxed);

	out[0] = now < table->max ? now : table->max;
	out[1] = table->max;
}

void cp_view_fill(const struct cp_view *view, uint64_t stacks[2], uint64_t words[2])
{
	fill(&view->shared->rows_used, &view->rows, stacks);
	fill(&view->shared->frames_used, &view->frames, words);
}
