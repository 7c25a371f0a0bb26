/* view.c - maps a recording, checks it, and copies entries out of it. */
/* SPDX-License-Identifier: MIT */
#include "encoder/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "encoder/marks.h"

/* Looking at a hole of a memfd makes a page of it: the cap on a recording's size is a cap on what a
 * stranger can make us hold. */
#define CP_VIEW_SIZE_MAX (UINT64_C(1) << 30)

static int refuse(int error, char *why, size_t why_len, const char *text)
{
	snprintf(why, why_len, "recording refused: %s", text);
	return -error;
}

/* Reads a table's place once and checks the copy. */
static int check_table(const struct cp_view *view, const struct cp_table *shared, size_t entry,
		       struct cp_table *table)
{
	table->at = cp_view_load(&shared->at);
	table->max = cp_view_load(&shared->max);
	if (table->at % 64 || table->at < sizeof(struct cp_recording) || table->at > view->size)
		return -1;
	return table->max > (view->size - table->at) / entry ? -1 : 0;
}

static int check_tables(struct cp_view *view)
{
	const struct cp_recording *shared = view->shared;
	return check_table(view, &shared->strings, 1, &view->strings) ||
	       check_table(view, &shared->modules, sizeof(struct cp_module), &view->modules) ||
	       check_table(view, &shared->rows, sizeof(struct cp_row), &view->rows) ||
	       check_table(view, &shared->frames, sizeof(uint64_t), &view->frames) ||
	       check_table(view, &shared->marks, sizeof(struct cp_mark), &view->marks) ||
	       check_table(view, &shared->moves, sizeof(struct cp_move), &view->moves) ||
	       check_table(view, &shared->threads, sizeof(struct cp_thread_slot), &view->threads) ||
	       check_table(view, &shared->names, sizeof(struct cp_name), &view->called);
}

static int check_header(struct cp_view *view, char *why, size_t why_len)
{
	const struct cp_recording *shared = view->shared;
	if (cp_view_load(&shared->magic) != CP_MAGIC)
		return refuse(EINVAL, why, why_len, "wrong magic");
	if (__atomic_load_n(&shared->abi, __ATOMIC_RELAXED) != CP_ABI)
		return refuse(EPROTONOSUPPORT, why, why_len, "made by another version");
	if (__atomic_load_n(&shared->header_size, __ATOMIC_RELAXED) != sizeof(*shared))
		return refuse(EPROTONOSUPPORT, why, why_len, "header of another size");
	if (cp_view_load(&shared->size) > view->size)
		return refuse(EINVAL, why, why_len, "larger than its file");
	if (check_tables(view))
		return refuse(EINVAL, why, why_len, "a table lies outside");
	return 0;
}

static int check_file(int fd, size_t *size, char *why, size_t why_len)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || fstat(fd, &st))
		return refuse(EINVAL, why, why_len, "not a memfd");
	if ((seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW))
		return refuse(EPERM, why, why_len, "not sealed");
	if (st.st_size < (off_t)sizeof(struct cp_recording))
		return refuse(EINVAL, why, why_len, "too short");
	if ((uint64_t)st.st_size > CP_VIEW_SIZE_MAX)
		return refuse(EFBIG, why, why_len, "too large");
	*size = (size_t)st.st_size;
	return 0;
}

static int map_file(struct cp_view *view, int fd, size_t size, char *why, size_t why_len)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return refuse(errno, why, why_len, "cannot be mapped");
	view->shared = at;
	view->size = size;
	view->cpu_take = atomic_load_explicit(&view->shared->takes_done, memory_order_relaxed);
	return check_header(view, why, why_len);
}

int cp_view_open(int fd, struct cp_view **result, char *why, size_t why_len)
{
	*result = NULL;
	size_t size = 0;
	int error = check_file(fd, &size, why, why_len);
	if (error)
		return error;
	struct cp_view *view = calloc(1, sizeof(*view));
	if (!view)
		return refuse(ENOMEM, why, why_len, "no memory");
	error = map_file(view, fd, size, why, why_len);
	if (error)
		cp_view_close(view);
	else
		*result = view;
	return error;
}

void cp_view_close(struct cp_view *view)
{
	if (!view)
		return;
	for (struct cp_marks *m = view->readers; m; m = m->next)
		m->view = NULL;
	cp_origin_ended(view->origin);
	cp_view_let_go(view);
}

void cp_view_hold(struct cp_view *view)
{
	__atomic_add_fetch(&view->users, 1, __ATOMIC_RELAXED);
}

void cp_view_let_go(struct cp_view *view)
{
	/* release, acquire: who goes last sees all that the others did with it */
	if (__atomic_fetch_sub(&view->users, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	if (view->shared)
		munmap(view->shared, view->size);
	cp_origin_drop(view->origin);
	free(view);
}

void cp_view_know(struct cp_view *view, pid_t pid)
{
	if (!view->origin && pid > 0)
		view->origin = cp_origin_new(pid, view->shared->is_fork);
}

struct cp_recording *cp_view_header(const struct cp_view *view)
{
	return view->shared;
}

static void *table_at(const struct cp_view *view, const struct cp_table *table)
{
	return (uint8_t *)view->shared + table->at;
}

static uint32_t clamp(uint32_t used, uint64_t max)
{
	return used < max ? used : (uint32_t)max;
}

uint32_t cp_view_rows(const struct cp_view *view)
{
	/* acquire: pairs with the release of a row's kind; rows counted here may be looked at */
	return clamp(atomic_load_explicit(&view->shared->rows_used, memory_order_acquire),
		     view->rows.max);
}

uint32_t cp_view_modules(const struct cp_view *view)
{
	return clamp(atomic_load_explicit(&view->shared->modules_used, memory_order_acquire),
		     view->modules.max);
}

void cp_view_counts(struct cp_counts *counts, enum cp_kind kind, uint64_t n[CP_COUNTERS])
{
	/* What takes away is read before what it is taken from; acquire keeps that order. */
	static const uint8_t heap[CP_COUNTERS] = {CP_FREED_OBJECTS,	CP_FREED_BYTES,
						  CP_ALLOC_OBJECTS,	CP_ALLOC_BYTES,
						  CP_INHERITED_OBJECTS, CP_INHERITED_BYTES};
	static const uint8_t rest[CP_COUNTERS] = {CP_THREADS_ENDED, CP_THREADS_MADE, 2, 3, 4, 5};
	const uint8_t *order = kind == CP_KIND_HEAP ? heap : rest;
	for (int i = 0; i < CP_COUNTERS; i++)
		n[order[i]] = atomic_load_explicit(&counts->n[order[i]], memory_order_acquire);
}

int cp_view_row(const struct cp_view *view, uint32_t number, struct cp_view_row *row)
{
	struct cp_row *shared = (struct cp_row *)table_at(view, &view->rows) + number;
	/* acquire: pairs with the writer's release, after which the rest of the row stands */
	unsigned kind = atomic_load_explicit(&shared->kind, memory_order_acquire);
	if (kind == CP_KIND_NONE || kind >= CP_KINDS)
		return -1;
	row->kind = (enum cp_kind)kind;
	row->flags = __atomic_load_n(&shared->flags, __ATOMIC_RELAXED);
	row->depth = __atomic_load_n(&shared->depth, __ATOMIC_RELAXED);
	uint64_t at = __atomic_load_n(&shared->frames_at, __ATOMIC_RELAXED);
	if (at < 1 || at > view->frames.max)
		return -1;
	const uint64_t *frames = table_at(view, &view->frames);
	uint64_t word = cp_view_load(&frames[at - 1]);
	row->epoch = (uint32_t)word;
	row->who = (uint32_t)(word >> 32);
	row->frames_at = (uint32_t)at;
	if (row->depth > CP_VIEW_DEPTH) {
		row->depth = CP_VIEW_DEPTH;
		row->flags |= CP_ROW_TRUNCATED;
	}
	cp_view_counts(&shared->counts, row->kind, row->n);
	return 0;
}

int cp_view_frames(const struct cp_view *view, const struct cp_view_row *row,
		   uint64_t frames[CP_VIEW_DEPTH])
{
	const uint64_t *shared = table_at(view, &view->frames);
	uint64_t at = row->frames_at;
	for (uint32_t i = 0; i < row->depth; i++, at++) {
		if (at >= view->frames.max)
			return -1;
		frames[i] = cp_view_load(&shared[at]);
		if (!cp_is_link(frames[i]))
			continue;
		at = frames[i] - CP_FRAME_LINK;
		if (at >= view->frames.max)
			return -1;
		frames[i] = cp_view_load(&shared[at]);
		if (cp_is_link(frames[i]))
			return -1;
	}
	return 0;
}

int cp_view_module(const struct cp_view *view, uint32_t number, struct cp_view_module *module)
{
	struct cp_module *shared = (struct cp_module *)table_at(view, &view->modules) + number;
	/* acquire: pairs with the writer's release of ready */
	if (atomic_load_explicit(&shared->ready, memory_order_acquire) != 1)
		return -1;
	module->start = cp_view_load(&shared->start);
	module->end = cp_view_load(&shared->end);
	module->file_offset = cp_view_load(&shared->file_offset);
	module->bias = cp_view_load(&shared->bias);
	module->path_at = __atomic_load_n(&shared->path_at, __ATOMIC_RELAXED);
	module->epoch_from = __atomic_load_n(&shared->epoch_from, __ATOMIC_RELAXED);
	module->epoch_to = atomic_load_explicit(&shared->epoch_to, memory_order_relaxed);
	module->build_id_len = __atomic_load_n(&shared->build_id_len, __ATOMIC_RELAXED);
	if (module->start >= module->end || module->build_id_len > sizeof(module->build_id))
		return -1;
	for (size_t i = 0; i < sizeof(module->build_id); i++)
		module->build_id[i] = __atomic_load_n(&shared->build_id[i], __ATOMIC_RELAXED);
	return 0;
}

uint32_t cp_view_slots(const struct cp_view *view)
{
	return clamp(atomic_load_explicit(&view->shared->threads_used, memory_order_acquire),
		     view->threads.max);
}

int cp_view_thread(const struct cp_view *view, uint32_t slot, struct cp_view_thread *thread)
{
	if (slot >= cp_view_slots(view))
		return -1;
	struct cp_thread_slot *shared =
	    (struct cp_thread_slot *)table_at(view, &view->threads) + slot;
	/* acquire: pairs with the writer's release, after which the rest of the slot stands */
	uint32_t state =
	    atomic_load_explicit(&shared->state, memory_order_acquire) & CP_THREAD_STATE;
	thread->tid = __atomic_load_n(&shared->tid, __ATOMIC_RELAXED);
	thread->row = __atomic_load_n(&shared->row, __ATOMIC_RELAXED);
	thread->name = atomic_load_explicit(&shared->name, memory_order_relaxed);
	thread->alive = state == CP_THREAD_ALIVE;
	return thread->tid > 0 && (thread->alive || state == CP_THREAD_ENDED) ? 0 : -1;
}

void cp_view_name(const struct cp_view *view, uint32_t number, char name[CP_VIEW_NAME])
{
	uint64_t text[2] = {0, 0};
	if (number && number <= view->called.max) {
		struct cp_name *shared =
		    (struct cp_name *)table_at(view, &view->called) + (number - 1);
		/* acquire: pairs with the writer's release of the head, after the tail */
		text[0] = atomic_load_explicit(&shared->head, memory_order_acquire);
		text[1] = text[0] ? cp_view_load(&shared->tail) : 0;
	}
	memcpy(name, text, sizeof(text));
	name[sizeof(text)] = 0;
}

void cp_view_text(const char *shared, size_t shared_len, char *copy, size_t copy_len)
{
	size_t len = 0;
	for (; len < shared_len && len + 1 < copy_len; len++) {
		char letter = __atomic_load_n(&shared[len], __ATOMIC_RELAXED);
		if (!letter)
			break;
		copy[len] = letter;
	}
	copy[len] = 0;
}

void cp_view_string(const struct cp_view *view, uint32_t at, char *copy, size_t copy_len)
{
	copy[0] = 0;
	if (at < view->strings.max)
		cp_view_text((const char *)table_at(view, &view->strings) + at,
			     view->strings.max - at, copy, copy_len);
}

void cp_view_names(struct cp_view *view, struct cp_perfmap *map)
{
	view->names = map;
}

struct cp_mark *cp_view_mark(const struct cp_view *view, uint32_t row)
{
	return row < view->marks.max ? (struct cp_mark *)table_at(view, &view->marks) + row : NULL;
}

struct cp_move *cp_view_moves(const struct cp_view *view)
{
	return table_at(view, &view->moves);
}
