/* film.c - the marks in a recording move when what was taken is safe, not before. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/encoder.h"
#include "encoder/marks.h"

/* relaxed: one thread of one uploader writes marks and moves; the next one comes after its death,
 * and what was stored is there whatever the order was.
 * NOLINTNEXTLINE(readability-non-const-parameter): the builtin writes it */
static void store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static enum cp_film_state state_of(const struct cp_view *view)
{
	/* acquire: pairs with the release of who says that it is so */
	return (enum cp_film_state)atomic_load_explicit(&view->shared->film, memory_order_acquire);
}

static void set_state(struct cp_view *view, enum cp_film_state state)
{
	/* release: what the state speaks of is written, marks or moves, also if we are killed now
	 */
	atomic_store_explicit(&view->shared->film, state, memory_order_release);
}

/* Whose mark a move is about; NULL: damage. */
static struct cp_mark *target(const struct cp_view *view, uint32_t what)
{
	uint32_t loss = what - CP_MOVE_LOST;
	if (what < CP_MOVE_LOST)
		return cp_view_mark(view, what);
	return loss < CP_KINDS * CP_LOSSES
		   ? &view->shared->lost_marks[loss / CP_LOSSES][loss % CP_LOSSES]
		   : NULL;
}

/* Killed in the middle, it is done once more: what a mark will be does not depend on what it is. */
static void move_marks(struct cp_view *view)
{
	struct cp_recording *shared = cp_view_header(view);
	const struct cp_move *moves = cp_view_moves(view);
	uint32_t count = __atomic_load_n(&shared->film_moves, __ATOMIC_RELAXED);
	for (uint32_t i = 0; i < count && i < view->moves.max; i++) {
		uint32_t what = __atomic_load_n(&moves[i].what, __ATOMIC_RELAXED);
		uint64_t first = cp_view_load(&moves[i].to.n[0]);
		struct cp_mark *mark = target(view, what);
		if (mark) {
			store(&mark->n[0], first);
			store(&mark->n[1], cp_view_load(&moves[i].to.n[1]));
		} else if (what - CP_MOVE_HITS < CP_HITS_WORDS) {
			store(&shared->hits_marks[what - CP_MOVE_HITS], first);
		}
	}
	view->cpu_take = __atomic_load_n(&shared->film_take, __ATOMIC_RELAXED);
	cp_marks_free_slots(view);
	set_state(view, CP_FILM_NONE);
}

/* A name that leads out of its folder is damage. */
static int is_known(struct cp_view *view, int (*is_safe)(void *ctx, const char *stem), void *ctx)
{
	char stem[CP_FILM_STEM + 1];
	cp_view_text(view->shared->film_stem, CP_FILM_STEM, stem, sizeof(stem));
	return *stem && !strchr(stem, '/') && is_safe(ctx, stem);
}

static int load(struct cp_marks *marks, struct cp_view *view)
{
	const struct cp_recording *shared = cp_view_header(view);
	if (cp_marks_room(marks, cp_view_rows(view)))
		return -ENOMEM;
	for (uint32_t i = 0; i < marks->count; i++) {
		const struct cp_mark *mark = cp_view_mark(view, i);
		for (int n = 0; n < 2 && mark; n++)
			marks->rows[i].n[n] = cp_view_load(&mark->n[n]);
	}
	for (int kind = 0; kind < CP_KINDS; kind++)
		for (int cause = 0; cause < CP_LOSSES; cause++)
			for (int n = 0; n < 2; n++)
				marks->lost[kind][cause].n[n] =
				    cp_view_load(&shared->lost_marks[kind][cause].n[n]);
	for (int i = 0; i < CP_HITS_WORDS; i++)
		marks->hits[i] = cp_view_load(&shared->hits_marks[i]);
	marks->cpu_take = view->cpu_take;
	return 0;
}

struct cp_marks *cp_marks_ship(struct cp_view *view, int (*is_safe)(void *ctx, const char *stem),
			       void *ctx)
{
	struct cp_marks *marks = calloc(1, sizeof(*marks));
	if (!marks)
		return NULL;
	enum cp_film_state state = state_of(view);
	if (state == CP_FILM_SAFE || (state == CP_FILM_TAKEN && is_known(view, is_safe, ctx)))
		move_marks(view);
	else
		set_state(view, CP_FILM_NONE); /* it has died with who took it: it is taken again */
	marks->ships = true;
	marks->view = view;
	if (!load(marks, view))
		return marks;
	cp_marks_free(marks);
	return NULL;
}

static void note(struct cp_view *view, uint32_t *count, uint32_t what, uint64_t first,
		 uint64_t second)
{
	struct cp_move *move = cp_view_moves(view) + *count;
	if (*count >= view->moves.max)
		return;
	__atomic_store_n(&move->what, what, __ATOMIC_RELAXED);
	store(&move->to.n[0], first);
	store(&move->to.n[1], second);
	++*count;
}

/* Those that are not where they stand in the recording. */
static void note_mark(struct cp_view *view, uint32_t *count, uint32_t what,
		      const struct cp_mark *mark)
{
	const struct cp_mark *now = target(view, what);
	if (now &&
	    (cp_view_load(&now->n[0]) != mark->n[0] || cp_view_load(&now->n[1]) != mark->n[1]))
		note(view, count, what, mark->n[0], mark->n[1]);
}

/* Rows come last: they are as many as there is room for (cp_marks_stays). */
static void note_all(const struct cp_marks *marks)
{
	struct cp_view *view = marks->view;
	struct cp_recording *shared = cp_view_header(view);
	uint32_t count = 0;
	for (uint32_t i = 0; i < CP_KINDS * CP_LOSSES; i++)
		note_mark(view, &count, CP_MOVE_LOST + i,
			  &marks->lost[i / CP_LOSSES][i % CP_LOSSES]);
	for (uint32_t i = 0; i < CP_HITS_WORDS; i++)
		if (cp_view_load(&shared->hits_marks[i]) != marks->hits[i])
			note(view, &count, CP_MOVE_HITS + i, marks->hits[i], 0);
	for (uint32_t i = 0; i < marks->count; i++)
		note_mark(view, &count, i, &marks->rows[i]);
	__atomic_store_n(&shared->film_moves, count, __ATOMIC_RELAXED);
	__atomic_store_n(&shared->film_take, marks->cpu_take, __ATOMIC_RELAXED);
}

int cp_marks_film(struct cp_marks *marks, const char *stem)
{
	struct cp_view *view = marks->view;
	cp_marks_settle(marks);
	if (state_of(view) != CP_FILM_NONE)
		return -EBUSY;
	note_all(marks);
	char *to = view->shared->film_stem;
	size_t len = strnlen(stem, CP_FILM_STEM - 1);
	memcpy(to, stem, len);
	memset(to + len, 0, CP_FILM_STEM - len);
	set_state(view, CP_FILM_TAKEN);
	return 0;
}

void cp_view_film_is_safe(struct cp_view *view)
{
	uint32_t taken = CP_FILM_TAKEN;
	/* release: as set_state */
	atomic_compare_exchange_strong_explicit(&view->shared->film, &taken, CP_FILM_SAFE,
						memory_order_release, memory_order_relaxed);
}

void cp_marks_settle(struct cp_marks *marks)
{
	struct cp_view *view = marks->view;
	int was_safe = marks->before && state_of(marks->before) != CP_FILM_TAKEN;
	if (state_of(view) != CP_FILM_SAFE && !was_safe)
		return;
	if (state_of(view) != CP_FILM_NONE)
		move_marks(view);
	if (marks->before)
		cp_view_let_go(marks->before);
	marks->before = NULL;
}

void cp_marks_finish(struct cp_marks *marks)
{
	struct cp_view *view = marks->view;
	set_state(view, CP_FILM_NONE);
	do {
		note_all(marks);
		move_marks(view);
	} while (view->moves.max && view->shared->film_moves >= view->moves.max);
}

/* The target made the copy while we were silent: what we wrote meanwhile is in the old one alone.
 */
void cp_marks_ship_on(struct cp_marks *marks, struct cp_view *view)
{
	struct cp_view *old = marks->view;
	struct cp_recording *from = cp_view_header(old), *to = cp_view_header(view);
	uint32_t rows = cp_view_rows(old);
	uint64_t moves = from->film_moves;
	cp_marks_settle(marks);
	for (uint32_t i = 0; i < rows && i < view->marks.max; i++)
		if (cp_view_mark(old, i))
			*cp_view_mark(view, i) = *cp_view_mark(old, i);
	memcpy(to->lost_marks, from->lost_marks, sizeof(to->lost_marks));
	memcpy(to->hits_marks, from->hits_marks, sizeof(to->hits_marks));
	for (uint64_t i = 0; i < moves && i < old->moves.max && i < view->moves.max; i++)
		cp_view_moves(view)[i] = cp_view_moves(old)[i];
	to->film_moves = from->film_moves;
	to->film_take = from->film_take;
	memcpy(to->film_stem, from->film_stem, sizeof(to->film_stem));
	enum cp_film_state state = state_of(old);
	set_state(view, state);
	view->cpu_take = old->cpu_take;
	marks->view = view;
	if (marks->before)
		cp_view_let_go(marks->before);
	marks->before = NULL;
	if (state == CP_FILM_TAKEN) {
		cp_view_hold(old);
		marks->before = old;
	}
}
