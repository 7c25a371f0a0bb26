/* codemap.h - which line of a file says what code lies at an address; later lines win. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* at: where its line begins, which is also its age. */
struct cp_code {
	uint64_t start, end, at;
};

/* All zero is empty. Sorted; no two overlap. */
struct cp_codemap {
	struct cp_code *codes;
	size_t count;
};

/* Adds these, in any order: sorts them in place. Where ranges overlap, the line further on in the
 * file holds, and what is left of the others stands. -ENOMEM: nothing was added. */
int cp_codemap_add(struct cp_codemap *map, struct cp_code *fresh, size_t count);
/* The one that holds the address, or NULL. */
const struct cp_code *cp_codemap_find(const struct cp_codemap *map, uint64_t address);
/* Forgets the oldest lines until no more than so many ranges are left; how many went. */
size_t cp_codemap_forget(struct cp_codemap *map, size_t keep);
void cp_codemap_free(struct cp_codemap *map);
