/* codemap.c - which line of a file says what code lies at an address; later lines win.
 *
 * A notice board: a new sheet is pinned over older ones, and what shows is what holds. To keep the
 * board flat, sheets are cut: what is covered is thrown away. */
/* SPDX-License-Identifier: MIT */
#include "encoder/codemap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/* All ranges by start; those that hold the present address lie in a heap, the latest line on top.
 */
struct sweep {
	const struct cp_code *in;
	size_t count, next; /* of in */
	uint32_t *heap;
	size_t depth;
	struct cp_code *out;
	size_t made;
};

static int by_start(const void *a, const void *b)
{
	const struct cp_code *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t kept = *a;
	*a = *b;
	*b = kept;
}

static bool is_later(const struct sweep *sweep, size_t a, size_t b)
{
	return sweep->in[sweep->heap[a]].at > sweep->in[sweep->heap[b]].at;
}

static void push(struct sweep *sweep, uint32_t number)
{
	size_t at = sweep->depth++;
	sweep->heap[at] = number;
	for (; at && is_later(sweep, at, (at - 1) / 2); at = (at - 1) / 2)
		swap(&sweep->heap[at], &sweep->heap[(at - 1) / 2]);
}

static void pop(struct sweep *sweep)
{
	size_t at = 0;
	sweep->heap[0] = sweep->heap[--sweep->depth];
	for (;;) {
		size_t child = 2 * at + 1;
		if (child + 1 < sweep->depth && is_later(sweep, child + 1, child))
			child++;
		if (child >= sweep->depth || !is_later(sweep, child, at))
			return;
		swap(&sweep->heap[at], &sweep->heap[child]);
		at = child;
	}
}

/* A piece of the top sheet; one with the piece before if that is of the same sheet. */
static void emit(struct sweep *sweep, uint64_t start, uint64_t end, uint64_t at)
{
	struct cp_code *last = sweep->made ? &sweep->out[sweep->made - 1] : NULL;
	if (last && last->at == at && last->end == start)
		last->end = end;
	else
		sweep->out[sweep->made++] = (struct cp_code){start, end, at};
}

/* At most two pieces for each sheet: a new one begins only where a sheet begins or ends. */
static void run(struct sweep *sweep)
{
	uint64_t here = 0;
	while (sweep->depth || sweep->next < sweep->count) {
		if (!sweep->depth)
			here = sweep->in[sweep->next].start;
		while (sweep->next < sweep->count && sweep->in[sweep->next].start <= here)
			push(sweep, (uint32_t)sweep->next++);
		while (sweep->depth && sweep->in[sweep->heap[0]].end <= here)
			pop(sweep);
		if (!sweep->depth)
			continue;
		const struct cp_code *top = &sweep->in[sweep->heap[0]];
		uint64_t end = top->end;
		if (sweep->next < sweep->count && sweep->in[sweep->next].start < end)
			end = sweep->in[sweep->next].start;
		emit(sweep, here, end, top->at);
		here = end;
	}
}

static void merge(const struct cp_codemap *map, const struct cp_code *fresh, size_t count,
		  struct cp_code *all)
{
	size_t i = 0, j = 0;
	while (i < map->count || j < count) {
		if (j >= count || (i < map->count && map->codes[i].start <= fresh[j].start))
			*all++ = map->codes[i++];
		else
			*all++ = fresh[j++];
	}
}

int cp_codemap_add(struct cp_codemap *map, struct cp_code *fresh, size_t count)
{
	size_t total = map->count + count;
	if (!count)
		return 0;
	if (total > UINT32_MAX / 4)
		return -ENOMEM;
	struct cp_code *all = malloc(total * sizeof(*all));
	struct cp_code *out = malloc(2 * total * sizeof(*out));
	uint32_t *heap = malloc(total * sizeof(*heap));
	int error = all && out && heap ? 0 : -ENOMEM;
	if (!error) {
		qsort(fresh, count, sizeof(*fresh), by_start);
		merge(map, fresh, count, all);
		free(map->codes);
		struct sweep sweep = {.in = all, .count = total, .heap = heap, .out = out};
		run(&sweep);
		/* never of 0 bytes, which would free it */
		struct cp_code *fitting = realloc(out, (sweep.made + 1) * sizeof(*out));
		*map = (struct cp_codemap){fitting ? fitting : out, sweep.made};
		out = NULL;
	}
	free(all);
	free(out);
	free(heap);
	return error;
}

const struct cp_code *cp_codemap_find(const struct cp_codemap *map, uint64_t address)
{
	size_t low = 0, high = map->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (map->codes[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < map->count && map->codes[low].start <= address ? &map->codes[low] : NULL;
}

/* Half of the span between the oldest and the newest goes at a time: the newest always stays. */
size_t cp_codemap_forget(struct cp_codemap *map, size_t keep)
{
	size_t before = map->count;
	while (map->count > keep) {
		uint64_t oldest = UINT64_MAX, newest = 0;
		size_t left = 0;
		for (size_t i = 0; i < map->count; i++) {
			uint64_t at = map->codes[i].at;
			oldest = at < oldest ? at : oldest;
			newest = at > newest ? at : newest;
		}
		if (oldest == newest)
			break;
		for (size_t i = 0; i < map->count; i++)
			if (map->codes[i].at > oldest + (newest - oldest) / 2)
				map->codes[left++] = map->codes[i];
		map->count = left;
	}
	/* many pieces of one line */
	if (map->count > keep)
		map->count = keep;
	return before - map->count;
}

void cp_codemap_free(struct cp_codemap *map)
{
	free(map->codes);
	*map = (struct cp_codemap){0};
}
