/* cutting.h - a profile that is being cut: shared by the files that do it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/arena.h"
#include "encoder/cut.h"
#include "encoder/reading.h"

/* An id, and where in its table what has it stands. */
struct cp_cut_id {
	uint64_t id;
	uint32_t at;
};

/* What is cut. */
struct cp_cut_whole {
	const Cp__Profile *it;
	const struct cp_cut *how;
	struct cp_arena memory;
	const Cp__Sample **samples; /* those that count */
	uint32_t count;
	struct cp_cut_id *locations, *functions, *mappings; /* sorted by id */
};

#define CP_CUT_NOWHERE UINT32_MAX
/* Where it stands, or CP_CUT_NOWHERE. */
static inline uint32_t cp_cut_find(const struct cp_cut_id *ids, size_t count, uint64_t id)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ids[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && ids[low].id == id ? ids[low].at : CP_CUT_NOWHERE;
}

/* A part that is being made. */
struct cp_cutting {
	const struct cp_cut_whole *whole;
	struct cp_arena memory;
	size_t text_most;
	/* by index in the whole's tables: the id in this part; 0: not in it */
	uint32_t *locations, *functions, *mappings;
	struct cp_intern texts;
	uint64_t cut_id; /* of the location that stands for a root that was cut off; 0: none */
	Cp__Profile profile;
	bool failed;
};

/* ---- cuttables.c ---- */
/* Room for so many, zeroed; NULL: the part has failed. */
void *cp_cutting_take(struct cp_cutting *part, size_t count, size_t size);
/* The text's index in the part. A type has no dash at Pyroscope. */
int64_t cp_cutting_add(struct cp_cutting *part, const char *text, bool is_type);
/* That of the whole's text of this index; 0 for one that is none. */
int64_t cp_cutting_text(struct cp_cutting *part, int64_t index);
/* How many frames of a stack are taken over, the one at the root that stands for the others not
 * counted. */
size_t cp_cutting_depth(const struct cp_cutting *part, const Cp__Sample *sample);
/* What these samples need: mappings, functions and locations, with their ids. */
void cp_cutting_tables(struct cp_cutting *part, uint32_t from, uint32_t to);

/* cutpart.c: these samples as a profile of their own, later by so many ms, no text longer than
 * that. 0 or -ENOMEM. */
int cp_cut_part(const struct cp_cut_whole *whole, uint32_t from, uint32_t to, size_t text,
		int64_t later_ms, struct cp_bytes *out);
