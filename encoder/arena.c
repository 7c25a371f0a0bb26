/* arena.c - memory that is taken piece by piece and given back all at once. */
/* SPDX-License-Identifier: MIT */
#include "encoder/arena.h"

#include <stdlib.h>
#include <string.h>

/* Large enough that malloc is rare; the first one small, as many arenas hold next to nothing. */
#define CP_CHUNK_SIZE	    16384u
#define CP_CHUNK_SIZE_FIRST 2048u

struct cp_chunk {
	struct cp_chunk *below;
	uint64_t data[];
};

void *cp_arena_take(struct cp_arena *arena, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + 7) & ~(size_t)7;
	if (size > arena->left) {
		size_t whole = arena->chunks ? CP_CHUNK_SIZE : CP_CHUNK_SIZE_FIRST;
		size_t room = size > whole / 4 ? size : whole;
		struct cp_chunk *chunk = malloc(sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->below = arena->chunks;
		arena->chunks = chunk;
		arena->total += sizeof(*chunk) + room;
		if (room ==
		    size) /* a large piece of its own: the rest of the old chunk stays in use */
			return memset(chunk->data, 0, size);
		arena->next = (uint8_t *)chunk->data;
		arena->left = room;
	}
	void *piece = arena->next;
	arena->next += size;
	arena->left -= size;
	return memset(piece, 0, size);
}

char *cp_arena_text(struct cp_arena *arena, const char *text, size_t len)
{
	char *copy = len < SIZE_MAX / 2 ? cp_arena_take(arena, len + 1) : NULL;
	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

void cp_arena_free(struct cp_arena *arena)
{
	while (arena->chunks) {
		struct cp_chunk *chunk = arena->chunks;
		arena->chunks = chunk->below;
		free(chunk);
	}
	*arena = (struct cp_arena){0};
}
