/* marks.c - what has been taken of a recording, as the recording itself remembers it. */
/* SPDX-License-Identifier: MIT */
#include "encoder/view.h"

void cp_view_move_mark(struct cp_mark *mark, const uint64_t n[CP_COUNTERS])
{
	/* relaxed: no one else reads or writes marks while this uploader lives */
	__atomic_store_n(&mark->n[0], n[0], __ATOMIC_RELAXED);
	__atomic_store_n(&mark->n[1], n[1], __ATOMIC_RELAXED);
}

uint32_t cp_view_take_begun(const struct cp_view *view)
{
	_Atomic uint32_t *begun = &view->shared->takes_begun;
	uint32_t take = atomic_fetch_add_explicit(begun, 1, memory_order_relaxed) + 1;
	atomic_thread_fence(memory_order_seq_cst); /* pairs with a thread's at its end */
	return take;
}

void cp_view_take_done(const struct cp_view *view, uint32_t take)
{
	/* release: the marks are moved; pairs with the acquire of who looks for a slot */
	atomic_store_explicit(&view->shared->takes_done, take, memory_order_release);
}

void cp_batch_skip_cpu(struct cp_view *view)
{
	struct cp_view_row row;
	uint32_t begun = cp_view_take_begun(view), rows = cp_view_rows(view);
	for (uint32_t i = 0; i < rows; i++) {
		struct cp_mark *mark = cp_view_mark(view, i);
		if (mark && !cp_view_row(view, i, &row) && row.kind == CP_KIND_CPU)
			cp_view_move_mark(mark, row.n);
	}
	cp_view_take_done(view, begun);
	struct cp_recording *shared = cp_view_header(view);
	for (int cause = 0; cause < CP_LOSSES; cause++) {
		uint64_t n[CP_COUNTERS];
		cp_view_counts(&shared->lost[CP_KIND_CPU][cause], CP_KIND_CPU, n);
		cp_view_move_mark(&shared->lost_marks[CP_KIND_CPU][cause], n);
	}
}
