/* intern.c - equal keys get equal numbers: 0, 1, 2, ... in the order in which they first came. */
/* SPDX-License-Identifier: MIT */
#include "encoder/intern.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define CP_FIRST_SLOTS 256u

void cp_intern_init(struct cp_intern *table, uint32_t max, size_t value_size)
{
	*table = (struct cp_intern){.max = max, .value_size = (value_size + 7) & ~(size_t)7};
	/* Without randomness the table is only easier to slow down. */
	if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) < 0)
		table->seed = (uintptr_t)table;
}

void cp_intern_free(struct cp_intern *table)
{
	cp_arena_free(&table->memory);
	free(table->entries);
	free(table->slots);
	*table = (struct cp_intern){0};
}

static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_of(uint64_t seed, const uint8_t *key, size_t len)
{
	uint64_t hash = seed ^ (len * UINT64_C(0x9e3779b97f4a7c15));
	while (len) {
		uint64_t word = 0;
		size_t step = len < sizeof(word) ? len : sizeof(word);
		memcpy(&word, key, step);
		hash = mix(hash ^ word ^ UINT64_C(0xa0761d6478bd642f),
			   seed ^ UINT64_C(0xe7037ed1a0b428db));
		key += step;
		len -= step;
	}
	return (uint32_t)(hash ^ hash >> 32);
}

static int grow_slots(struct cp_intern *table)
{
	uint32_t count = table->slot_count ? table->slot_count * 2 : CP_FIRST_SLOTS;
	uint32_t *slots = calloc(count, sizeof(*slots));
	if (!slots)
		return -1;
	for (uint32_t i = 0; i < table->count; i++) {
		uint32_t at = table->entries[i].hash & (count - 1);
		while (slots[at])
			at = (at + 1) & (count - 1);
		slots[at] = i + 1;
	}
	free(table->slots);
	table->slots = slots;
	table->slot_count = count;
	return 0;
}

static int make_room(struct cp_intern *table)
{
	if (table->count >= table->max || table->count >= UINT32_MAX / 4)
		return -1;
	if (table->count == table->room) {
		uint32_t room = table->room ? table->room * 2 : CP_FIRST_SLOTS / 2;
		void *entries = realloc(table->entries, room * sizeof(*table->entries));
		if (!entries)
			return -1;
		table->entries = entries;
		table->room = room;
	}
	return table->count * 2 >= table->slot_count ? grow_slots(table) : 0;
}

static uint32_t find(const struct cp_intern *table, const void *key, size_t len, uint32_t hash)
{
	if (!table->slot_count)
		return CP_NONE;
	for (uint32_t at = hash;; at++) {
		uint32_t number = table->slots[at & (table->slot_count - 1)];
		if (!number)
			return CP_NONE;
		const struct cp_interned *entry = &table->entries[number - 1];
		if (entry->hash != hash || entry->key_len != len)
			continue;
		if (!memcmp((const uint8_t *)entry->value + table->value_size, key, len))
			return number - 1;
	}
}

uint32_t cp_intern(struct cp_intern *table, const void *key, size_t len)
{
	if (len > UINT32_MAX)
		return CP_NONE;
	uint32_t hash = hash_of(table->seed, key, len);
	uint32_t number = find(table, key, len, hash);
	if (number != CP_NONE || make_room(table))
		return number;
	uint8_t *value = cp_arena_take(&table->memory, table->value_size + len);
	if (!value)
		return CP_NONE;
	if (len)
		memcpy(value + table->value_size, key, len);
	number = table->count++;
	table->entries[number] = (struct cp_interned){value, (uint32_t)len, hash};
	uint32_t at = hash & (table->slot_count - 1);
	while (table->slots[at])
		at = (at + 1) & (table->slot_count - 1);
	table->slots[at] = number + 1;
	return number;
}

uint32_t cp_intern_find(const struct cp_intern *table, const void *key, size_t len)
{
	return len > UINT32_MAX ? CP_NONE : find(table, key, len, hash_of(table->seed, key, len));
}

size_t cp_intern_bytes(const struct cp_intern *table)
{
	return table->memory.total + table->room * sizeof(*table->entries) +
	       table->slot_count * sizeof(*table->slots);
}

void *cp_intern_value(const struct cp_intern *table, uint32_t number)
{
	return table->entries[number].value;
}

const void *cp_intern_key(const struct cp_intern *table, uint32_t number, size_t *len)
{
	*len = table->entries[number].key_len;
	return (const uint8_t *)table->entries[number].value + table->value_size;
}
