/* delta.c - takes from a recording what is new since the marks, and what is alive now. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/batch.h"
#include "encoder/marks.h"

/* its head, a word at the root, and as many frames as cp_view_row lets through */
#define CP_STACK_WORDS (CP_VIEW_DEPTH + CP_STACK_HEAD + 1u)
#define CP_ROOT_FRAMES 3u

struct taking {
	struct cp_batch *batch;
	const struct cp_view *view;
	struct cp_marks *marks; /* NULL: the shipping reader's */
	struct cp_places *places;
	struct cp_whos *whos;
	pid_t pid;
	uint64_t cpu_period_ns;
	uint64_t lost_ended; /* ends of threads without a row, not yet accounted for */
	unsigned profiles;
	uint64_t frames[CP_VIEW_DEPTH];
	uint32_t stack[CP_STACK_WORDS];
	size_t words;
};

static enum cp_profile profile_of(enum cp_kind kind)
{
	switch (kind) {
	case CP_KIND_CPU:
		return CP_PROFILE_CPU;
	case CP_KIND_HEAP:
		return CP_PROFILE_HEAP;
	default:
		return CP_PROFILE_THREADS;
	}
}

/* Where the rounding of a row's objects begins: 633/1024 is as near as can be to the golden
 * section, whose multiples lie evenly however many there are. */
static uint32_t rest_of(const struct taking *taking, uint32_t number)
{
	return CP_OBJECT_ONE / 2 + 633 * (number + (uint32_t)taking->pid);
}

/* Whole periods of the rate that is wanted now. Of the sum and of the mark, not of the difference:
 * so what is left over is not lost again and again where ticks weigh something else. */
static uint64_t periods(const struct taking *taking, uint64_t now, uint64_t mark)
{
	uint64_t period = taking->cpu_period_ns ? taking->cpu_period_ns : 1;
	return cp_less(now / period, mark / period);
}

/* What a row or a loss adds, before anything is moved. */
static struct cp_sums sums_of(const struct taking *taking, enum cp_kind kind, uint32_t rest,
			      const uint64_t n[CP_COUNTERS], const struct cp_mark *mark)
{
	uint64_t first = cp_less(n[0], cp_view_load(&mark->n[0]));
	uint64_t second = cp_less(n[1], cp_view_load(&mark->n[1]));
	struct cp_sums sums = {.n = {first, second, 0, 0}};
	if (kind == CP_KIND_CPU) {
		sums.n[0] = periods(taking, n[CP_CPU_NS], cp_view_load(&mark->n[CP_CPU_NS]));
		sums.n[1] = first;
	} else if (kind == CP_KIND_HEAP) {
		sums.n[2] = cp_less(cp_more(n[CP_ALLOC_OBJECTS], n[CP_INHERITED_OBJECTS]),
				    n[CP_FREED_OBJECTS]);
		sums.n[3] =
		    cp_less(cp_more(n[CP_ALLOC_BYTES], n[CP_INHERITED_BYTES]), n[CP_FREED_BYTES]);
		sums.rest[0] = rest + (uint32_t)cp_view_load(&mark->n[0]);
		sums.rest[2] = rest;
	} else {
		sums.n[0] = cp_less(n[CP_THREADS_MADE], n[CP_THREADS_ENDED]);
		sums.n[1] = 0;
	}
	if (taking->profiles & CP_TAKE_REST)
		cp_leave_alive(kind, &sums);
	return sums;
}

/* How many samples counters and their mark stand for: ticks, threads. Those of heap rows know only
 * what they weigh; cp_cover_hits counts them. */
static uint64_t samples_of(enum cp_kind kind, const uint64_t n[CP_COUNTERS],
			   const struct cp_mark *mark)
{
	if (kind == CP_KIND_HEAP)
		return 0;
	int counter = kind == CP_KIND_CPU ? CP_CPU_SAMPLES : CP_THREADS_MADE;
	return cp_less(n[counter], cp_view_load(&mark->n[counter]));
}

static int add_sums(struct taking *taking, enum cp_profile profile, const struct cp_sums *sums)
{
	struct cp_sums *total = cp_batch_sums(taking->batch, profile, taking->stack, taking->words);
	if (!total)
		return -ENOMEM;
	for (int i = 0; i < CP_SUMS; i++)
		cp_add(&total->n[i], sums->n[i]);
	for (int i = 0; i < CP_SUMS; i++)
		total->rest[i] += sums->rest[i];
	return 0;
}

static int push(struct taking *taking, uint32_t place)
{
	if (place == CP_NONE)
		return -ENOMEM;
	taking->stack[taking->words++] = place;
	return 0;
}

/* A recording may say anything: what is too large is the largest. */
static int push_gap(struct taking *taking, uint64_t address)
{
	uint64_t k = address - CP_FRAME_GAP;
	return push(taking,
		    cp_batch_word(taking->batch,
				  CP_WORD_GAP + (uint32_t)(k < CP_GAP_MAX ? k : CP_GAP_MAX)));
}

static int push_note(struct taking *taking, uint64_t address)
{
	uint64_t note = address - CP_FRAME_NOTE;
	return push(taking, cp_batch_word(taking->batch,
					  CP_WORD_NOTE +
					      (uint32_t)(note < CP_NOTES ? note : CP_NOTES - 1)));
}

/* The row's frames as places. The recorder's own frames are how it came to be counted, not who did
 * it: at the leaf of an allocation, and in the middle of what libc allocates for a new thread. */
static int build_stack(struct taking *taking, const struct cp_view_row *row)
{
	taking->words = CP_STACK_HEAD;
	for (uint32_t i = 0; i < row->depth; i++) {
		uint64_t address = taking->frames[i];
		if (!address)
			continue;
		if (address >= CP_FRAME_NOTE) {
			int error = cp_is_note(address) ? push_note(taking, address)
							: push_gap(taking, address);
			if (error)
				return error;
			continue;
		}
		if (i || !(row->flags & CP_ROW_LEAF_IS_PC))
			address--;
		uint32_t place = cp_places_find(taking->places, address, row->epoch);
		if (place == CP_NONE)
			return -ENOMEM;
		if (cp_places_is_ours(taking->places, place))
			continue;
		taking->stack[taking->words++] = place;
	}
	if (row->flags & CP_ROW_TRUNCATED)
		return push(taking, cp_batch_word(taking->batch, CP_WORD_TRUNCATED));
	if (row->flags & CP_ROW_ENDED_EARLY)
		return push(taking, cp_batch_word(taking->batch, CP_WORD_ENDED_EARLY));
	return taking->words > CP_STACK_HEAD
		   ? 0
		   : push(taking, cp_batch_word(taking->batch, CP_WORD_NO_FRAMES));
}

/* One word instead of a stack: nobody's. */
static int word_alone(struct taking *taking, uint32_t word)
{
	taking->words = CP_STACK_HEAD;
	taking->stack[1] = 0;
	return push(taking, cp_batch_word(taking->batch, word));
}

/* A cap of the batch is reached, or memory is out: what the row held is summed up under one name.
 */
static int add_overflow(struct taking *taking, enum cp_kind kind, const struct cp_sums *sums,
			uint64_t samples)
{
	struct cp_batch *batch = taking->batch;
	int error = word_alone(taking, CP_WORD_LOST + CP_LOST_ROWS);
	if (!error)
		error = add_sums(taking, profile_of(kind), sums);
	if (error)
		return error;
	cp_cover_part(batch, profile_of(kind), CP_PART_LOST, samples, sums);
	cp_add(&batch->lost[kind][CP_LOST_ROWS], samples);
	batch->crowded_rows++;
	return 0;
}

/* What ticks took goes to a name of its own, on as much of the stack's root as tells what thread it
 * was: its start function and libc's two frames. So a thread's sum stays what its clock says. */
static int add_ticks(struct taking *taking, uint64_t ns)
{
	struct cp_sums sums = {.n = {0, ns, 0, 0}};
	size_t places = taking->words - CP_STACK_HEAD;
	size_t root = places < CP_ROOT_FRAMES ? places : CP_ROOT_FRAMES;
	if (!ns)
		return 0;
	memmove(taking->stack + CP_STACK_HEAD + 1, taking->stack + taking->words - root,
		root * sizeof *taking->stack);
	taking->words = CP_STACK_HEAD;
	int error = push(taking, cp_batch_word(taking->batch, CP_WORD_NOTE + CP_NOTE_TICKS));
	taking->words += root;
	if (!error)
		error = add_sums(taking, CP_PROFILE_CPU, &sums);
	return error ? add_overflow(taking, CP_KIND_CPU, &sums, 0) : 0;
}

/* One by one, for each is called something of its own. Those that are not in the list, which may
 * be as new as this look at it, are nobody. */
static int add_threads(struct taking *taking, uint32_t number, struct cp_sums *sums)
{
	struct cp_sums part = {.n = {1}};
	uint64_t left = sums->n[0];
	int error = 0;
	for (uint32_t i = 0; left && !error; i++) {
		taking->stack[1] = cp_whos_living(taking->whos, number, i);
		if (!taking->stack[1]) {
			part.n[0] = left;
			cp_whos_note(taking->whos, CP_PROFILE_THREADS, 0, left, &part);
		}
		error = add_sums(taking, CP_PROFILE_THREADS, &part);
		left -= error ? 0 : part.n[0];
	}
	part.n[0] = left;
	sums->n[0] -= left;
	return error ? add_overflow(taking, CP_KIND_THREAD, &part, 0) : 0;
}

static int add_stack(struct taking *taking, uint32_t number, const struct cp_view_row *row,
		     struct cp_sums *sums)
{
	int error = build_stack(taking, row);
	if (!error && row->kind == CP_KIND_THREAD)
		return add_threads(taking, number, sums);
	taking->stack[1] = cp_whos_find(taking->whos, row->who);
	return error ? error : add_sums(taking, profile_of(row->kind), sums);
}

static int add_row(struct taking *taking, uint32_t number, const struct cp_view_row *row,
		   uint64_t samples, struct cp_sums *sums)
{
	if (cp_is_nothing(sums)) {
		cp_cover_row(taking->batch, profile_of(row->kind), row->flags, samples, sums);
		return 0;
	}
	uint64_t ticks_ns = cp_batch_take_out(taking->batch, row->kind, samples, sums);
	int error = add_stack(taking, number, row, sums);
	if (error)
		error = add_overflow(taking, row->kind, sums, samples);
	else
		cp_cover_row(taking->batch, profile_of(row->kind), row->flags, samples, sums);
	if (row->kind != CP_KIND_THREAD)
		cp_whos_note(taking->whos, profile_of(row->kind), row->who, samples, sums);
	return error ? error : add_ticks(taking, ticks_ns);
}

static int take_row(struct taking *taking, uint32_t number)
{
	struct cp_view_row row;
	struct cp_mark *mark = cp_marks_row(taking->marks, taking->view, number);
	if (!mark || cp_view_row(taking->view, number, &row)) {
		taking->batch->damaged_rows++;
		return 0;
	}
	if (!(taking->profiles & CP_BIT(profile_of(row.kind))))
		return 0;
	int stays = cp_marks_stays(taking->marks, number, row.n);
	struct cp_sums sums = sums_of(taking, row.kind, rest_of(taking, number), row.n, mark);
	if (stays)
		cp_leave_new(row.kind, &sums);
	if (!cp_is_nothing(&sums) && cp_view_frames(taking->view, &row, taking->frames)) {
		taking->batch->damaged_rows++;
		return 0;
	}
	uint64_t samples = stays ? 0 : samples_of(row.kind, row.n, mark);
	int error = add_row(taking, number, &row, samples, &sums);
	if (!error && !stays)
		cp_marks_move(mark, row.n);
	return error;
}

/* A loss is a sample too, under a function that says what happened. Not so blocks lost from the
 * table of live ones, which have a row. What is alive of lost heap rows nobody knows, but for
 * blocks that were inherited without a row: those are followed. */
static int take_loss(struct taking *taking, enum cp_kind kind, enum cp_loss cause)
{
	struct cp_recording *shared = cp_view_header(taking->view);
	struct cp_mark *mark = cp_marks_lost(taking->marks, taking->view, kind, cause);
	enum cp_profile profile = profile_of(kind);
	if (!(taking->profiles & CP_BIT(profile)))
		return 0;
	uint64_t n[CP_COUNTERS];
	cp_view_counts(&shared->lost[kind][cause], kind, n);
	struct cp_sums sums = sums_of(taking, kind, CP_OBJECT_ONE / 2, n, mark);
	if (kind == CP_KIND_HEAP && !n[CP_INHERITED_OBJECTS])
		sums.n[2] = sums.n[3] = 0;
	if (kind == CP_KIND_THREAD && !(taking->profiles & CP_TAKE_REST))
		sums.n[0] = cp_view_living(n, &taking->lost_ended);
	uint64_t samples = samples_of(kind, n, mark);
	if (!cp_is_nothing(&sums) && !(kind == CP_KIND_HEAP && cause == CP_LOST_LIVE)) {
		uint64_t ticks_ns = cp_batch_take_out(taking->batch, kind, samples, &sums);
		int error = word_alone(taking, CP_WORD_LOST + cause);
		if (!error)
			error = add_sums(taking, profile, &sums);
		if (!error)
			error = add_ticks(taking, ticks_ns);
		if (error)
			return error;
		cp_cover_part(taking->batch, profile, CP_PART_LOST, samples, &sums);
	}
	cp_add(&taking->batch->lost[kind][cause], samples);
	cp_marks_move(mark, n);
	return 0;
}

int cp_batch_take(struct cp_batch *batch, struct cp_view *view, struct cp_marks *marks, pid_t pid,
		  unsigned profiles)
{
	CP_CLEANUP(cp_places_close) struct cp_places places = {0};
	CP_CLEANUP(cp_whos_close) struct cp_whos whos = {0};
	struct taking taking = {.batch = batch,
				.view = view,
				.marks = marks,
				.places = &places,
				.whos = &whos,
				.pid = pid,
				.profiles = profiles};
	taking.cpu_period_ns = cp_batch_note(batch, cp_view_header(view), profiles);
	uint32_t begun = profiles & CP_BIT(CP_PROFILE_CPU) ? cp_marks_take_begun(view) : 0;
	uint32_t rows = cp_view_rows(view);
	int error = cp_places_open(&places, batch, view, pid);
	if (!error)
		error = cp_marks_room(marks, rows);
	if (!error)
		error = cp_whos_open(&whos, batch, view, pid, profiles);
	taking.stack[0] = whos.labels & CP_LABEL_PID ? (uint32_t)pid : 0;
	uint32_t first = cp_marks_begin(marks, rows, profiles & (CP_TAKE_OVER | CP_TAKE_REST));
	for (uint32_t i = 0; i < rows && !error; i++)
		error = take_row(&taking, first + i < rows ? first + i : first + i - rows);
	/* a slot is its thread's until its row is taken */
	if (begun && !error && !(marks && marks->is_late))
		cp_marks_take_done(marks, view, begun);
	taking.lost_ended = cp_view_lost_ended(view);
	for (int kind = CP_KIND_CPU; kind < CP_KINDS && !error; kind++)
		for (int cause = 0; cause < CP_LOSSES && !error; cause++)
			error = take_loss(&taking, (enum cp_kind)kind, (enum cp_loss)cause);
	if (!error && (profiles & CP_BIT(CP_PROFILE_HEAP)))
		cp_cover_hits(batch, view, cp_marks_hits(marks, view));
	return error;
}
