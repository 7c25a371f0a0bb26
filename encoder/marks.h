/* marks.h - what one reader of a recording has taken of it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/view.h"

/* A reader's own. Instead of one, NULL: those that stand in the recording. */
struct cp_marks {
	bool ships; /* what stands in the recording follows these (film.c) */
	struct cp_view
	    *before; /* held: the recording that this one is a copy of, if a film was taken there */
	struct cp_marks *next; /* of the same recording */
	struct cp_view *view;  /* NULL: it is closed */
	struct cp_mark *rows;  /* as many as there were rows at the last take */
	uint32_t count;
	bool has_cpu;	   /* it has taken CPU rows, */
	uint32_t cpu_take; /* and this was the last time */
	uint32_t left;	   /* of this take: marks of rows that may still move, */
	uint32_t first;	   /* the row that it begins with, */
	bool is_late;	   /* and whether there was one that had to stay */
	struct cp_mark lost[CP_KINDS][CP_LOSSES];
	uint64_t hits[CP_HITS_WORDS];
};

/* Makes room for the marks of so many rows; 0 or -ENOMEM. */
int cp_marks_room(struct cp_marks *marks, uint32_t rows);
/* Of a row below that; NULL when the recording has none for it. */
struct cp_mark *cp_marks_row(struct cp_marks *marks, const struct cp_view *view, uint32_t row);
struct cp_mark *cp_marks_lost(struct cp_marks *marks, const struct cp_view *view, enum cp_kind kind,
			      enum cp_loss cause);
uint64_t *cp_marks_hits(struct cp_marks *marks, const struct cp_view *view);
/* Up to here it is taken. */
void cp_marks_move(struct cp_mark *mark, const uint64_t n[CP_COUNTERS]);

/* A take begins; all: nothing may stay. A shipping reader moves no more marks from one film to the
 * next than there is room for in the recording's moves: what is beyond stays where it is, nothing
 * of it is lost, and the next take begins with it. Gives the row to begin with. */
uint32_t cp_marks_begin(struct cp_marks *marks, uint32_t rows, bool all);
/* Whether this row's mark has to stay; if not, it counts as moved to n. */
bool cp_marks_stays(struct cp_marks *marks, uint32_t row, const uint64_t n[CP_COUNTERS]);
/* From here on, until it is done, CPU rows are taken: who ended before has then nothing left in
 * them for this reader. A slot of an ended thread is used again when that is so for all readers who
 * tell threads apart. cp_marks_take_done gets what cp_marks_take_begun gave. */
uint32_t cp_marks_take_begun(const struct cp_view *view);
void cp_marks_take_done(struct cp_marks *marks, struct cp_view *view, uint32_t take);
/* What is safe, by now, of all readers: slots of threads that ended before are free. */
void cp_marks_free_slots(const struct cp_view *view);
