/* history.h - what the uploader still knows of the periods that are over, for whoever looks.
 *
 * A photo album: of the last pages the prints, of all of them a line each in the register. When it
 * is full, the oldest go. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/encoding.h"

/* Prints of all programs together, and of one. */
#define CP_HISTORY_BYTES   ((size_t)16 << 20)
#define CP_HISTORY_PERIODS 64u
/* Lines in the register of one program, and programs. */
#define CP_HISTORY_POINTS   240u
#define CP_HISTORY_PROGRAMS 256u

enum cp_dimension {
	CP_DIMENSION_CPU, /* seconds in a second */
	CP_DIMENSION_ALLOCS,
	CP_DIMENSION_ALLOC_BYTES, /* in a second */
	CP_DIMENSION_OBJECTS,
	CP_DIMENSION_BYTES, /* in use at its end */
	CP_DIMENSION_THREADS,
	CP_DIMENSIONS
};

/* One period of one program. */
struct cp_point {
	uint64_t seq;
	int64_t start_ns, end_ns; /* realtime */
	double is[CP_DIMENSIONS]; /* below 0: not recorded */
	uint64_t lost;		  /* samples, of all kinds */
	double ticks_s;		  /* what its ticks took */
	uint32_t processes;
};

struct cp_print {
	struct cp_print *next; /* the one after it */
	uint64_t program, seq;
	int64_t start_ns, end_ns;
	int apart;	/* of one process that ended, beside the period in which it did */
	char note[160]; /* how that was, or who ended in the period; or empty */
	char stem[224];
	struct cp_bytes profiles[CP_PROFILES]; /* gzip */
};

/* One program of the register. */
struct cp_chapter {
	struct cp_chapter *next;
	uint64_t program;
	char service[256], exe[1024];
	uint64_t lost[CP_KINDS][CP_LOSSES]; /* since it began */
	struct cp_point *points; /* a ring: the next goes to written % CP_HISTORY_POINTS */
	uint64_t written;
	struct cp_point apart; /* what the next point has besides: sums, not rates */
	unsigned prints;
};

/* Any thread. Everything else in here is read between these two alone. */
struct cp_history;
struct cp_history *cp_history_new(void);
void cp_history_free(struct cp_history *history);
/* A film that was made: its parcel has its profiles, it has its batch. */
void cp_history_add(struct cp_history *history, const struct cp_film *film);

void cp_history_lock(struct cp_history *history);
void cp_history_unlock(struct cp_history *history);
/* The first, newest program of the register, and the oldest print, of whatever program. */
const struct cp_chapter *cp_history_chapters(const struct cp_history *history);
const struct cp_chapter *cp_history_chapter(const struct cp_history *history, uint64_t program);
const struct cp_print *cp_history_prints(const struct cp_history *history);
/* The points of a program from the oldest on, number 0; NULL behind the last. */
const struct cp_point *cp_history_point(const struct cp_chapter *chapter, unsigned number);
