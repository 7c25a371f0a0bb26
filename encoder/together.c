/* together.c - one batch added to another, and totals that never fall. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/batch.h"
#include "encoder/view.h"

struct adding {
	struct cp_batch *batch;
	const struct cp_batch *other;
	uint32_t *mappings, *places, *whos; /* the other's numbers as they are here */
	uint32_t *words;
	size_t room;
};

static uint32_t add_mapping(struct cp_batch *batch, const struct cp_batch *other, uint32_t number)
{
	size_t len;
	const void *key = cp_intern_key(&other->mappings, number, &len);
	const struct cp_mapping *from = cp_intern_value(&other->mappings, number);
	uint32_t before = batch->mappings.count, to = cp_intern(&batch->mappings, key, len);
	if (to == CP_NONE || !from->path)
		return CP_NONE;
	struct cp_mapping *mapping = cp_intern_value(&batch->mappings, to);
	if (to == before) {
		*mapping = *from;
		mapping->path = NULL; /* it is in nobody's way */
		cp_origin_use(mapping->origin);
		cp_batch_settle(batch, mapping, from->start, from->end, from->bias);
		mapping->path = cp_arena_text(&batch->texts, from->path, strlen(from->path));
	} else if (mapping->end - mapping->start < from->end - from->start) {
		mapping->end = mapping->start + (from->end - from->start);
	}
	return mapping->path ? to : CP_NONE;
}

static uint32_t add_place(const struct adding *adding, uint32_t number)
{
	const struct cp_batch *other = adding->other;
	const struct cp_place *place = cp_intern_value(&other->places, number);
	size_t len;
	if (place->word >= CP_WORD_CODE)
		return cp_batch_code(adding->batch,
				     cp_intern_key(&other->codes, place->word - CP_WORD_CODE, &len),
				     place->address);
	if (place->word)
		return cp_batch_word(adding->batch, place->word);
	uint32_t to = place->mapping == CP_NONE ? CP_NONE : adding->mappings[place->mapping];
	if (to == CP_NONE)
		return cp_batch_place(adding->batch, CP_NONE, place->address);
	const struct cp_mapping *was = cp_intern_value(&other->mappings, place->mapping);
	const struct cp_mapping *is = cp_intern_value(&adding->batch->mappings, to);
	return cp_batch_place(adding->batch, to, is->start + (place->address - was->start));
}

static int add_numbers(struct adding *adding)
{
	const struct cp_batch *other = adding->other;
	size_t len;
	adding->mappings = calloc(other->mappings.count + 1u, sizeof(*adding->mappings));
	adding->places = calloc(other->places.count + 1u, sizeof(*adding->places));
	adding->whos = calloc(other->whos.count + 1u, sizeof(*adding->whos));
	if (!adding->mappings || !adding->places || !adding->whos)
		return -ENOMEM;
	for (uint32_t i = 0; i < other->mappings.count; i++)
		adding->mappings[i] = add_mapping(adding->batch, other, i);
	for (uint32_t i = 0; i < other->places.count; i++)
		adding->places[i] = add_place(adding, i);
	for (uint32_t i = 0; i < other->whos.count; i++) {
		const void *key = cp_intern_key(&other->whos, i, &len);
		adding->whos[i] = cp_intern(&adding->batch->whos, key, len);
	}
	return 0;
}

/* The stack's words as they are here; 0, or -1: a place has found no room. */
static int translate(struct adding *adding, const uint32_t *words, size_t count)
{
	int missing = 0;
	if (!adding->words || count > adding->room) {
		uint32_t *more = realloc(adding->words, count * sizeof(*more));
		if (!more)
			return -1;
		adding->words = more;
		adding->room = count;
	}
	adding->words[0] = words[0];
	adding->words[1] = words[1] ? adding->whos[words[1] - 1] + 1 : 0; /* CP_NONE: nobody */
	for (size_t i = CP_STACK_HEAD; i < count; i++) {
		adding->words[i] = adding->places[words[i]];
		missing |= adding->words[i] == CP_NONE;
	}
	return missing ? -1 : 0;
}

/* What finds no room is summed up under one name. */
static struct cp_sums *overflow(struct adding *adding, enum cp_profile profile)
{
	uint32_t lost = cp_batch_word(adding->batch, CP_WORD_LOST + CP_LOST_ROWS);
	const uint32_t alone[CP_STACK_HEAD + 1] = {0, 0, lost};
	adding->batch->crowded_rows++;
	return lost == CP_NONE ? NULL
			       : cp_batch_sums(adding->batch, profile, alone, CP_STACK_HEAD + 1);
}

static int add_stack(struct adding *adding, enum cp_profile profile, uint32_t number)
{
	const struct cp_intern *from = &adding->other->stacks[profile];
	const struct cp_sums *sums = cp_intern_value(from, number);
	size_t len;
	const uint32_t *words = cp_intern_key(from, number, &len);
	struct cp_sums *to = NULL;
	if (!translate(adding, words, len / sizeof(*words)))
		to = cp_batch_sums(adding->batch, profile, adding->words, len / sizeof(*words));
	if (!to)
		to = overflow(adding, profile);
	if (!to)
		return -ENOMEM;
	for (int i = 0; i < CP_SUMS; i++) {
		cp_add(&to->n[i], sums->n[i]);
		to->rest[i] += sums->rest[i];
	}
	return 0;
}

static void add_counts(struct cp_batch *batch, const struct cp_batch *other)
{
	for (int kind = 0; kind < CP_KINDS; kind++)
		for (int cause = 0; cause < CP_LOSSES; cause++)
			cp_add(&batch->lost[kind][cause], other->lost[kind][cause]);
	for (int profile = 0; profile < CP_PROFILES; profile++) {
		for (int part = 0; part < CP_PARTS; part++)
			cp_cover_part(batch, (enum cp_profile)profile, (enum cp_part)part,
				      other->samples[profile][part],
				      &other->weights[profile][part]);
		if (!batch->period[profile])
			batch->period[profile] = other->period[profile];
	}
	for (int i = 0; i <= CP_SILENCED_BY_LOCK; i++)
		batch->silenced[i] += other->silenced[i];
	batch->code_counts.refused += other->code_counts.refused;
	batch->code_counts.forgotten += other->code_counts.forgotten;
	batch->code_counts.unread += other->code_counts.unread;
	if (!batch->recordings)
		batch->how = other->how;
	batch->recordings += other->recordings;
	batch->damaged_rows += other->damaged_rows;
	batch->crowded_rows += other->crowded_rows;
	batch->foreign_mallocs += other->foreign_mallocs;
	batch->has |= other->has;
	batch->together = batch->together || other->together;
}

int cp_batch_add(struct cp_batch *batch, const struct cp_batch *other)
{
	struct adding adding = {.batch = batch, .other = other};
	int error = add_numbers(&adding);
	for (int profile = 0; profile < CP_PROFILES && !error; profile++)
		for (uint32_t i = 0; i < other->stacks[profile].count && !error; i++)
			error = add_stack(&adding, (enum cp_profile)profile, i);
	if (!error)
		add_counts(batch, other);
	free(adding.mappings);
	free(adding.places);
	free(adding.whos);
	free(adding.words);
	return error;
}

/* The same for a place in whatever process and batch: its address in the file, or its name. */
static uint64_t lasting(const struct cp_batch *batch, uint32_t number)
{
	const struct cp_place *place = cp_intern_value(&batch->places, number);
	uint64_t sum = 0;
	size_t len;
	if (place->word >= CP_WORD_CODE) {
		const char *name = cp_intern_key(&batch->codes, place->word - CP_WORD_CODE, &len);
		for (size_t i = 0; i < len; i++)
			sum = sum * 31 + (uint8_t)name[i];
		return sum;
	}
	if (place->mapping == CP_NONE)
		return place->address;
	const struct cp_mapping *mapping = cp_intern_value(&batch->mappings, place->mapping);
	return place->address - mapping->bias;
}

void cp_batch_settle_rests(struct cp_batch *batch, enum cp_profile profile)
{
	struct cp_intern *stacks = &batch->stacks[profile];
	for (uint32_t i = 0; i < stacks->count; i++) {
		struct cp_sums *sums = cp_intern_value(stacks, i);
		uint64_t hash = 0;
		size_t len;
		const uint32_t *words = cp_intern_key(stacks, i, &len);
		for (size_t n = CP_STACK_HEAD; n < len / sizeof(*words); n++)
			hash = (hash ^ lasting(batch, words[n])) * UINT64_C(0x9e3779b97f4a7c15);
		for (int n = 0; n < CP_SUMS; n++)
			sums->rest[n] = (uint32_t)(hash >> 40);
	}
}
