/* ranges.h - address ranges with a number each, to be asked by address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "encoder/intern.h"

struct cp_range {
	uint64_t start, end;
	uint32_t number;
};

/* All zero is empty. */
struct cp_ranges {
	struct cp_range *ranges;
	size_t count, room;
};

/* 0, or -1 when memory is out or the cap is reached. Empty ranges are left out. */
int cp_ranges_add(struct cp_ranges *ranges, uint64_t start, uint64_t end, uint32_t number);
/* After the last cp_ranges_add, before the first cp_ranges_find. */
void cp_ranges_sort(struct cp_ranges *ranges);
/* The number of the range that holds the address and starts nearest below it; else CP_NONE. */
uint32_t cp_ranges_find(const struct cp_ranges *ranges, uint64_t address);
void cp_ranges_free(struct cp_ranges *ranges);
