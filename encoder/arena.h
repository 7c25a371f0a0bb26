/* arena.h - memory that is taken piece by piece and given back all at once. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct cp_chunk;

/* All zero is an empty arena. */
struct cp_arena {
	struct cp_chunk *chunks;
	uint8_t *next;
	size_t left;
	size_t total; /* bytes asked of malloc, for caps */
};

/* Zeroed, aligned to 8 bytes; NULL when memory is out. */
void *cp_arena_take(struct cp_arena *arena, size_t size);
/* A copy that ends with NUL. */
char *cp_arena_text(struct cp_arena *arena, const char *text, size_t len);
void cp_arena_free(struct cp_arena *arena);
