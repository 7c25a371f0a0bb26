/* trail.c - the end of the array as a ring, for the frames nearest to the root. */
/* SPDX-License-Identifier: MIT */
#include "signal/trail.h"

#include "base/recording.h"

#include "signal/law.h"

/* 11 ns a frame: less than a millisecond. */
#define DEEPEST ((size_t)1 << CP_GAP_MAX)

int cp_trail_beyond(struct cp_trail *t, uint64_t pc)
{
	if (t->max < 2 * CP_TRAIL_ROOT || t->beyond == DEEPEST) {
		t->beyond++;
		return 0;
	}
	t->pcs[t->max - CP_TRAIL_ROOT + t->beyond++ % CP_TRAIL_ROOT] = pc;
	return 1;
}

static void turn(uint64_t *from, uint64_t *to)
{
	for (to--; from < to; from++, to--) {
		uint64_t pc = *from;

		*from = *to;
		*to = pc;
	}
}

/* The oldest of the ring comes first again; the frame before it gives its place to the gap. */
static void join(struct cp_trail *t)
{
	uint64_t *ring = t->pcs + t->max - CP_TRAIL_ROOT, *end = t->pcs + t->max;
	size_t oldest = t->beyond % CP_TRAIL_ROOT;
	unsigned k = 63 - (unsigned)__builtin_clzll((t->beyond + 1) | 1);

	turn(ring, ring + oldest);
	turn(ring + oldest, end);
	turn(ring, end);
	ring[-1] = CP_FRAME_GAP | (k < CP_GAP_MAX ? k : CP_GAP_MAX);
}

size_t cp_trail_end(struct cp_trail *t, unsigned *flags)
{
	if (t->stranger)
		*flags |= CP_TRAIL_STRANGER;
	if (!t->beyond) {
		*flags |= t->at_root ? 0 : CP_ROW_ENDED_EARLY;
		return t->n;
	}
	if (t->max < 2 * CP_TRAIL_ROOT || t->beyond > DEEPEST) {
		*flags |= CP_ROW_TRUNCATED;
		return t->max < 2 * CP_TRAIL_ROOT ? t->n : t->max - CP_TRAIL_ROOT;
	}
	join(t);
	*flags |= t->at_root ? CP_ROW_GAP : CP_ROW_GAP | CP_ROW_ENDED_EARLY;
	return t->n;
}
