/* ranges.c - address ranges with a number each, to be asked by address. */
/* SPDX-License-Identifier: MIT */
#include "encoder/ranges.h"

#include <stdlib.h>

#define CP_RANGES_MAX ((size_t)1 << 22)
/* Code that the linker dropped leaves ranges at address 0, one over the other. A real range hidden
 * behind more of them than this is not found. */
#define CP_OVERLAPS_MAX 64

int cp_ranges_add(struct cp_ranges *ranges, uint64_t start, uint64_t end, uint32_t number)
{
	if (start >= end)
		return 0;
	if (ranges->count == ranges->room) {
		size_t room = ranges->room ? ranges->room * 2 : 16;
		void *grown = room > CP_RANGES_MAX
				  ? NULL
				  : realloc(ranges->ranges, room * sizeof(*ranges->ranges));
		if (!grown)
			return -1;
		ranges->ranges = grown;
		ranges->room = room;
	}
	ranges->ranges[ranges->count++] = (struct cp_range){start, end, number};
	return 0;
}

static int by_start(const void *a, const void *b)
{
	const struct cp_range *x = a, *y = b;
	if (x->start != y->start)
		return x->start > y->start ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

void cp_ranges_sort(struct cp_ranges *ranges)
{
	if (ranges->count)
		qsort(ranges->ranges, ranges->count, sizeof(*ranges->ranges), by_start);
}

uint32_t cp_ranges_find(const struct cp_ranges *ranges, uint64_t address)
{
	size_t low = 0, high = ranges->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (ranges->ranges[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (int back = 0; low && back < CP_OVERLAPS_MAX; back++)
		if (address < ranges->ranges[--low].end)
			return ranges->ranges[low].number;
	return CP_NONE;
}

void cp_ranges_free(struct cp_ranges *ranges)
{
	free(ranges->ranges);
	*ranges = (struct cp_ranges){0};
}
