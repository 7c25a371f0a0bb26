/* intern.h - equal keys get equal numbers: 0, 1, 2, ... in the order in which they first came. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "encoder/arena.h"

#define CP_NONE UINT32_MAX

struct cp_interned {
	void *value; /* value_size bytes, zeroed when new; the key lies behind */
	uint32_t key_len;
	uint32_t hash;
};

/* Stacks, places, functions and texts are all numbered by this one table. Keys are what a hostile
 * target wrote, so the hash is seeded anew for each table. */
struct cp_intern {
	struct cp_arena memory;
	struct cp_interned *entries;
	uint32_t *slots; /* number + 1, 0: free */
	uint32_t count, room, slot_count;
	uint32_t max; /* more keys than this are refused */
	size_t value_size;
	uint64_t seed;
};

void cp_intern_init(struct cp_intern *table, uint32_t max, size_t value_size);
void cp_intern_free(struct cp_intern *table);
/* The key's number; CP_NONE when it is new and the table is full or memory is out. It is new if the
 * number is what count was before. */
uint32_t cp_intern(struct cp_intern *table, const void *key, size_t len);
/* The key's number, or CP_NONE. */
uint32_t cp_intern_find(const struct cp_intern *table, const void *key, size_t len);
/* What the table has asked of malloc. */
size_t cp_intern_bytes(const struct cp_intern *table);
/* Both stay where they are until the table is freed. */
void *cp_intern_value(const struct cp_intern *table, uint32_t number);
const void *cp_intern_key(const struct cp_intern *table, uint32_t number, size_t *len);
