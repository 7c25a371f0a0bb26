/* marks.c - what has been taken of a recording, by each of its readers. */
/* SPDX-License-Identifier: MIT */
#include "encoder/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/encoder.h"

struct cp_marks *cp_marks_new(struct cp_view *view)
{
	struct cp_marks *marks = calloc(1, sizeof(*marks));
	if (!marks)
		return NULL;
	marks->view = view;
	marks->next = view->readers;
	view->readers = marks;
	return marks;
}

/* A slot may be used again when who ended in it has been taken by the last reader: numbers of takes
 * go round, so they are compared by their distance from the one that began last. */
void cp_marks_free_slots(const struct cp_view *view)
{
	uint32_t begun = atomic_load_explicit(&view->shared->takes_begun, memory_order_relaxed);
	uint32_t oldest = view->cpu_take;
	for (const struct cp_marks *m = view->readers; m; m = m->next)
		if (m->has_cpu && begun - m->cpu_take > begun - oldest)
			oldest = m->cpu_take;
	/* release: the marks are moved; pairs with the acquire of who looks for a slot */
	atomic_store_explicit(&view->shared->takes_done, oldest, memory_order_release);
}

static void leave(struct cp_marks *marks)
{
	if (!marks->view || marks->ships)
		return;
	struct cp_marks **at = &marks->view->readers;
	while (*at != marks)
		at = &(*at)->next;
	*at = marks->next;
	if (marks->has_cpu)
		cp_marks_free_slots(marks->view);
	marks->view = NULL;
}

void cp_marks_free(struct cp_marks *marks)
{
	if (!marks)
		return;
	leave(marks);
	if (marks->before)
		cp_view_let_go(marks->before);
	free(marks->rows);
	free(marks);
}

void cp_marks_follow(struct cp_marks *marks, struct cp_view *view)
{
	leave(marks);
	marks->view = view;
	marks->next = view->readers;
	view->readers = marks;
}

int cp_marks_room(struct cp_marks *marks, uint32_t rows)
{
	if (!marks || rows <= marks->count)
		return 0;
	struct cp_mark *more = realloc(marks->rows, rows * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + marks->count, 0, (rows - marks->count) * sizeof(*more));
	marks->rows = more;
	marks->count = rows;
	return 0;
}

static bool is_moved(const struct cp_mark *from, const uint64_t to[2])
{
	return cp_view_load(&from->n[0]) != to[0] || cp_view_load(&from->n[1]) != to[1];
}

uint32_t cp_marks_begin(struct cp_marks *marks, uint32_t rows, bool all)
{
	if (!marks)
		return 0;
	marks->is_late = false;
	marks->left = UINT32_MAX;
	if (!marks->ships || all)
		return 0;
	uint64_t room = marks->view->moves.max;
	marks->left = room > CP_MOVES_MORE ? (uint32_t)(room - CP_MOVES_MORE) : 0;
	for (uint32_t i = 0; i < marks->count && marks->left; i++) {
		const struct cp_mark *safe = cp_view_mark(marks->view, i);
		marks->left -= safe && is_moved(safe, marks->rows[i].n);
	}
	return rows ? marks->first % rows : 0;
}

bool cp_marks_stays(struct cp_marks *marks, uint32_t row, const uint64_t n[CP_COUNTERS])
{
	if (!marks || !marks->ships || row >= marks->count || !is_moved(&marks->rows[row], n))
		return false;
	const struct cp_mark *safe = cp_view_mark(marks->view, row);
	if (!safe || is_moved(safe, marks->rows[row].n))
		return false; /* it has its move */
	if (marks->left) {
		marks->left--;
		return false;
	}
	if (!marks->is_late)
		marks->first = row;
	marks->is_late = true;
	return true;
}

struct cp_mark *cp_marks_row(struct cp_marks *marks, const struct cp_view *view, uint32_t row)
{
	if (!marks)
		return cp_view_mark(view, row);
	return row < marks->count ? &marks->rows[row] : NULL;
}

struct cp_mark *cp_marks_lost(struct cp_marks *marks, const struct cp_view *view, enum cp_kind kind,
			      enum cp_loss cause)
{
	return marks ? &marks->lost[kind][cause] : &view->shared->lost_marks[kind][cause];
}

uint64_t *cp_marks_hits(struct cp_marks *marks, const struct cp_view *view)
{
	return marks ? marks->hits : view->shared->hits_marks;
}

void cp_marks_move(struct cp_mark *mark, const uint64_t n[CP_COUNTERS])
{
	/* relaxed: no one else reads or writes marks while this uploader lives */
	__atomic_store_n(&mark->n[0], n[0], __ATOMIC_RELAXED);
	__atomic_store_n(&mark->n[1], n[1], __ATOMIC_RELAXED);
}

uint32_t cp_marks_take_begun(const struct cp_view *view)
{
	_Atomic uint32_t *begun = &view->shared->takes_begun;
	uint32_t take = atomic_fetch_add_explicit(begun, 1, memory_order_relaxed) + 1;
	atomic_thread_fence(memory_order_seq_cst); /* pairs with a thread's at its end */
	return take;
}

void cp_marks_take_done(struct cp_marks *marks, struct cp_view *view, uint32_t take)
{
	if (marks) {
		marks->has_cpu = true;
		marks->cpu_take = take;
	} else {
		view->cpu_take = take;
	}
	if (!marks || !marks->ships)
		cp_marks_free_slots(view);
}

/* Rows and losses of these kinds. */
static void skip(struct cp_marks *marks, struct cp_view *view, unsigned kinds)
{
	struct cp_view_row row;
	uint64_t n[CP_COUNTERS];
	struct cp_recording *shared = cp_view_header(view);
	uint32_t rows = cp_view_rows(view);
	for (uint32_t i = 0; i < rows; i++) {
		struct cp_mark *mark = cp_marks_row(marks, view, i);
		if (mark && !cp_view_row(view, i, &row) && (kinds & CP_BIT(row.kind)))
			cp_marks_move(mark, row.n);
	}
	for (int kind = CP_KIND_CPU; kind < CP_KINDS; kind++)
		for (int cause = 0; cause < CP_LOSSES && (kinds & CP_BIT(kind)); cause++) {
			cp_view_counts(&shared->lost[kind][cause], (enum cp_kind)kind, n);
			cp_marks_move(
			    &cp_marks_lost(marks, view, (enum cp_kind)kind, (enum cp_loss)cause)[0],
			    n);
		}
}

void cp_batch_skip_cpu(struct cp_view *view, struct cp_marks *marks)
{
	uint32_t begun = cp_marks_take_begun(view);
	if (!cp_marks_room(marks, cp_view_rows(view)))
		skip(marks, view, CP_BIT(CP_KIND_CPU));
	cp_marks_take_done(marks, view, begun);
}

int cp_marks_now(struct cp_marks *marks)
{
	struct cp_view *view = marks->view;
	if (cp_marks_room(marks, cp_view_rows(view)))
		return -ENOMEM;
	uint32_t begun = cp_marks_take_begun(view);
	skip(marks, view, CP_BIT(CP_KIND_CPU) | CP_BIT(CP_KIND_HEAP) | CP_BIT(CP_KIND_THREAD));
	for (int i = CP_HITS_WORDS - 1; i >= 0; i--)
		marks->hits[i] = atomic_load_explicit(&view->shared->hits[i], memory_order_acquire);
	cp_marks_take_done(marks, view, begun);
	return 0;
}
