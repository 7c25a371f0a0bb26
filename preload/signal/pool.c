/* pool.c - frames, written once; a stack's end that is there already is linked to. */
/* SPDX-License-Identifier: MIT */
#include "signal/pool.h"

#include <string.h>

#include "base/attrs.h"

#include "signal/law.h"

/* So that a process of few stacks touches one page of the table of rests. */
#define FEW_FRAMES 4096
#define FEW_RESTS  1024

/* After so many that look right and are not, the table is full of lies: what is found is enough. */
#define FAILURES 16

static _Atomic uint32_t *rest_of(struct cp_recording *rec, uint64_t hash, int few)
{
	_Atomic uint32_t *rests = (_Atomic uint32_t *)((char *)rec + rec->rests.at);

	return &rests[hash & (few ? FEW_RESTS - 1 : rec->rests.max - 1)];
}

static int are_few(struct cp_recording *rec)
{
	return atomic_load_explicit(&rec->frames_used, memory_order_relaxed) < FEW_FRAMES;
}

/* What follows a stack may be another's that is just being written: then it is not what is asked
 * for, whatever stands there. */
static inline uint64_t word_at(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* From a place or a link to the place of a frame; beyond the pool if it is damaged. */
static uint64_t follow(struct cp_recording *rec, uint64_t at)
{
	uint64_t word = at < rec->frames.max ? word_at(&cp_frames(rec)[at]) : 0;

	return cp_is_link(word) ? word - CP_FRAME_LINK : at;
}

/* How many of these words are the same, from the first on. Four at a time: each tick comes here. */
static inline size_t equal(const uint64_t *a, const uint64_t *b, size_t words)
{
	size_t i = 0;

	while (i + 4 <= words &&
	       ((word_at(a + i) ^ b[i]) | (word_at(a + i + 1) ^ b[i + 1]) |
		(word_at(a + i + 2) ^ b[i + 2]) | (word_at(a + i + 3) ^ b[i + 3])) == 0)
		i += 4;
	while (i < words && word_at(a + i) == b[i])
		i++;
	return i;
}

/* The place after these frames, or 0 if others stand there. */
static uint64_t match(struct cp_recording *rec, uint64_t at, const uint64_t *pcs, size_t depth)
{
	const uint64_t *frames = cp_frames(rec);
	uint64_t max = rec->frames.max;

	for (size_t i = 0; i < depth;) {
		size_t room = at < max ? (size_t)(max - at) : 0, left = depth - i;
		size_t same = equal(frames + at, pcs + i, left < room ? left : room);

		i += same;
		at += same;
		if (i == depth)
			break;
		if (at >= max || !cp_is_link(word_at(frames + at)))
			return 0;
		at = word_at(frames + at) - CP_FRAME_LINK;
		if (at >= max || word_at(frames + at) != pcs[i])
			return 0;
	}
	return at;
}

int cp_pool_same(struct cp_recording *rec, uint32_t at, const uint64_t *pcs, size_t depth)
{
	return match(rec, at, pcs, depth) != 0;
}

int cp_pool_read(struct cp_recording *rec, uint32_t first, uint64_t *pcs, size_t depth)
{
	uint64_t at = first;

	for (size_t i = 0; i < depth; i++, at++) {
		at = follow(rec, at);
		if (at >= rec->frames.max)
			return -1;
		pcs[i] = word_at(&cp_frames(rec)[at]);
	}
	return 0;
}

/* How many frames this stack must have of its own; *rest: the place of the others. */
static size_t own_part(struct cp_recording *rec, const uint64_t *pcs, size_t depth, uint64_t *rest)
{
	int few = are_few(rec), failures = 0;
	size_t own = depth;
	uint64_t hash = 0;

	*rest = 0;
	for (size_t i = depth; i-- > 0 && failures < FAILURES;) {
		uint64_t at, after;

		hash = cp_mix(hash, pcs[i]);
		at = atomic_load_explicit(rest_of(rec, hash, few), memory_order_acquire);
		if (at == 0 || at >= rec->frames.max || word_at(&cp_frames(rec)[at]) != pcs[i])
			continue;
		/* Mostly it goes on where the last one was found. */
		after = match(rec, at, pcs + i, own - i);
		if (after && (own == depth || follow(rec, after) == *rest ||
			      match(rec, at, pcs + i, depth - i))) {
			own = i;
			*rest = at;
		} else {
			failures++;
		}
	}
	return depth - own > 1 ? own : depth;
}

/* Others may end as this stack does. Released: who finds a place reads what stands there. */
static void announce(struct cp_recording *rec, const uint64_t *pcs, size_t depth, size_t own,
		     uint32_t at)
{
	int few = are_few(rec);
	uint64_t hash = 0;

	for (size_t i = depth; i-- > 0;) {
		hash = cp_mix(hash, pcs[i]);
		if (i < own)
			atomic_store_explicit(rest_of(rec, hash, few), at + (uint32_t)i,
					      memory_order_release);
	}
}

uint32_t cp_pool_write(struct cp_recording *rec, const uint64_t *pcs, size_t depth, uint64_t word)
{
	uint64_t rest;
	size_t own = own_part(rec, pcs, depth, &rest);
	uint32_t words = (uint32_t)(1 + own + (own < depth)), at;
	uint64_t *frames;

	/* Looked at first, so that a full pool's counter does not run round. */
	if (atomic_load_explicit(&rec->frames_used, memory_order_relaxed) + words > rec->frames.max)
		return 0;
	at = atomic_fetch_add_explicit(&rec->frames_used, words, memory_order_relaxed);
	if (at + words > rec->frames.max)
		return 0;
	frames = cp_frames(rec) + at;
	__atomic_store_n(frames, word, __ATOMIC_RELAXED);
	for (size_t i = 0; i < own; i++)
		__atomic_store_n(frames + 1 + i, pcs[i], __ATOMIC_RELAXED);
	if (own < depth)
		__atomic_store_n(frames + 1 + own, CP_FRAME_LINK | rest, __ATOMIC_RELAXED);
	announce(rec, pcs, depth, own, at + 1);
	return at + 1;
}
