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

/* cutpart.c: these samples as a profile of their own, later by so many ms, no text longer than
 * that. 0 or -ENOMEM. */
int cp_cut_part(const struct cp_cut_whole *whole, uint32_t from, uint32_t to, size_t text,
		int64_t later_ms, struct cp_bytes *out);
