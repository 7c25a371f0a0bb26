/* view.h - a checked reader of a recording: everything else in this folder asks it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/origin.h"
#include "encoder/perfmap.h"

/* A recording is written by a stranger, who may go on writing. So the numbers that say where the
 * tables are were read once, checked and kept here; and what is handed out is always a copy. */
struct cp_view {
	struct cp_recording *shared;
	size_t size;
	struct cp_table strings, modules, rows, frames, marks, moves, threads, called;
	uint32_t users;		  /* beside who opened it */
	struct cp_origin *origin; /* where the process's files are; NULL: not asked */
	struct cp_perfmap *names; /* of code that lies in no module; may be NULL */
	struct cp_marks *readers; /* beside the shipping one (marks.h) */
	uint32_t cpu_take;	  /* the last of CPU rows whose marks stand in the recording */
};

/* How many entries may be looked at now: *_used, clamped. */
uint32_t cp_view_rows(const struct cp_view *view);
uint32_t cp_view_modules(const struct cp_view *view);

struct cp_view_row {
	enum cp_kind kind;
	unsigned flags;
	uint32_t epoch;
	uint32_t who; /* recording.h */
	uint32_t depth;
	uint32_t frames_at;
	uint64_t n[CP_COUNTERS];
};

/* 0, or -1 when the row is unfinished or damaged. Counters are read in the order that keeps
 * differences from being negative. */
int cp_view_row(const struct cp_view *view, uint32_t number, struct cp_view_row *row);
/* A deeper stack is damage; Pyroscope cuts at 1000. */
#define CP_VIEW_DEPTH 1024u
/* Its frames, links followed; 0, or -1 when they are damaged. */
int cp_view_frames(const struct cp_view *view, const struct cp_view_row *row,
		   uint64_t frames[CP_VIEW_DEPTH]);
void cp_view_counts(struct cp_counts *counts, enum cp_kind kind, uint64_t n[CP_COUNTERS]);

struct cp_view_module {
	uint64_t start, end, file_offset, bias;
	uint32_t epoch_from, epoch_to;
	uint32_t path_at;
	uint32_t build_id_len;
	uint8_t build_id[36];
};

/* 0, or -1 when the module is unfinished or damaged. */
int cp_view_module(const struct cp_view *view, uint32_t number, struct cp_view_module *module);

struct cp_view_thread {
	int32_t tid;
	uint32_t row;
	uint32_t name; /* number + 1; 0: not known */
	int alive;
};

uint32_t cp_view_slots(const struct cp_view *view);
/* 0, or -1 when nobody is or was there, or it is damaged. */
int cp_view_thread(const struct cp_view *view, uint32_t slot, struct cp_view_thread *thread);
#define CP_VIEW_NAME 17u
/* The name of this number + 1; empty when there is none. */
void cp_view_name(const struct cp_view *view, uint32_t number, char name[CP_VIEW_NAME]);

/* Copies a text that ends with NUL or with its room; the result always ends with NUL. */
void cp_view_text(const char *shared, size_t shared_len, char *copy, size_t copy_len);
/* A string of the recording's table; empty when it lies outside. */
void cp_view_string(const struct cp_view *view, uint32_t at, char *copy, size_t copy_len);

/* The mark of a row as the recording has it; NULL when there is none for it. */
struct cp_mark *cp_view_mark(const struct cp_view *view, uint32_t row);
struct cp_move *cp_view_moves(const struct cp_view *view);

/* A thread whose row was lost remembers at its end no more than that: all ends are counted under
 * one cause. So those of all causes together pay for the threads made, cause by cause. */
uint64_t cp_view_living(const uint64_t n[CP_COUNTERS], uint64_t *ended);
uint64_t cp_view_lost_ended(const struct cp_view *view);

static inline uint64_t cp_view_load(const uint64_t *shared)
{
	/* relaxed: the value is checked after it was read; no other word depends on it */
	return __atomic_load_n(shared, __ATOMIC_RELAXED);
}

/* a - b, but never below 0. */
static inline uint64_t cp_less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}
static inline uint64_t cp_more(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}
static inline void cp_add(uint64_t *total, uint64_t more)
{
	*total = cp_more(*total, more);
}
