/* cut.c - a profile as a server takes it: which samples go into which part. */
/* SPDX-License-Identifier: MIT */
#include "encoder/cut.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/cutting.h"

/* A single sample that is too large still: its texts are made shorter, but not shorter than that.
 */
#define CP_TEXT_LEAST ((size_t)64)

static int by_id(const void *a, const void *b)
{
	const struct cp_cut_id *x = a, *y = b;
	if (x->id != y->id)
		return x->id > y->id ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

#define CP_IDS(name, field)                                                                        \
	static struct cp_cut_id *name(struct cp_cut_whole *whole)                                  \
	{                                                                                          \
		size_t count = whole->it->n_##field;                                               \
		struct cp_cut_id *ids = cp_arena_take(&whole->memory, (count + 1) * sizeof(*ids)); \
		for (uint32_t i = 0; ids && i < count; i++)                                        \
			ids[i] = (struct cp_cut_id){whole->it->field[i]->id, i};                   \
		if (ids)                                                                           \
			qsort(ids, count, sizeof(*ids), by_id);                                    \
		return ids;                                                                        \
	}
CP_IDS(ids_of_locations, location)
CP_IDS(ids_of_functions, function)
CP_IDS(ids_of_mappings, mapping)

/* Whether a sample says anything that is wanted. One with too few values says nothing. */
static bool counts(const struct cp_cut_whole *whole, const Cp__Sample *sample)
{
	if (sample->n_value != whole->it->n_sample_type)
		return false;
	for (size_t i = 0; i < sample->n_value; i++)
		if (sample->value[i] &&
		    (!whole->how->types || (i < 32 && whole->how->types >> i & 1)))
			return true;
	return false;
}

/* What a sample is but for its values and its labels of text. */
static int add_key(struct cp_arena *memory, const Cp__Sample *sample, uint64_t **key, size_t *words)
{
	uint64_t *at = cp_arena_take(memory, (sample->n_location_id + 3 * sample->n_label + 1) *
						 sizeof(uint64_t));
	*key = at;
	if (!at)
		return -ENOMEM;
	*at++ = sample->n_location_id;
	for (size_t i = 0; i < sample->n_location_id; i++)
		*at++ = sample->location_id[i];
	for (size_t i = 0; i < sample->n_label; i++) {
		const Cp__Label *label = sample->label[i];
		if (label->str)
			continue;
		*at++ = (uint64_t)label->key;
		*at++ = (uint64_t)label->num;
		*at++ = (uint64_t)label->num_unit;
	}
	*words = (size_t)(at - *key);
	return 0;
}

static const Cp__Sample *copy_of(struct cp_arena *memory, const Cp__Sample *sample)
{
	Cp__Sample *copy = cp_arena_take(memory, sizeof(*copy));
	int64_t *values = cp_arena_take(memory, sample->n_value * sizeof(*values));
	if (!copy || !values)
		return NULL;
	*copy = *sample;
	memcpy(values, sample->value, sample->n_value * sizeof(*values));
	copy->value = values;
	return copy;
}

/* Samples that differ by a text label alone are one where there is none. */
static int merge_in(struct cp_cut_whole *whole, struct cp_intern *known, const Cp__Sample *sample)
{
	struct cp_arena scratch = {0};
	uint64_t *key;
	size_t words;
	int error = add_key(&scratch, sample, &key, &words);
	uint32_t number = error ? CP_NONE : cp_intern(known, key, words * sizeof(*key));
	cp_arena_free(&scratch);
	if (number == CP_NONE)
		return -ENOMEM;
	if (number == whole->count) {
		whole->samples[number] = copy_of(&whole->memory, sample);
		return whole->samples[whole->count++] ? 0 : -ENOMEM;
	}
	for (size_t i = 0; i < sample->n_value; i++) {
		int64_t *value = &whole->samples[number]->value[i];
		*value = (int64_t)((uint64_t)*value + (uint64_t)sample->value[i]);
	}
	return 0;
}

static int merge(struct cp_cut_whole *whole)
{
	const Cp__Profile *it = whole->it;
	struct cp_intern known;
	int error = 0;
	cp_intern_init(&known, UINT32_MAX / 8, 0);
	for (size_t i = 0; i < it->n_sample && !error; i++)
		if (counts(whole, it->sample[i]))
			error = merge_in(whole, &known, it->sample[i]);
	cp_intern_free(&known);
	return error;
}

static int prepare(struct cp_cut_whole *whole)
{
	const Cp__Profile *it = whole->it;
	if (it->n_sample >= UINT32_MAX || it->n_function >= UINT32_MAX ||
	    it->n_mapping >= UINT32_MAX || it->n_string_table >= UINT32_MAX)
		return -EFBIG;
	whole->locations = ids_of_locations(whole);
	whole->functions = ids_of_functions(whole);
	whole->mappings = ids_of_mappings(whole);
	whole->samples = cp_arena_take(&whole->memory, (it->n_sample + 1) * sizeof(void *));
	if (!whole->locations || !whole->functions || !whole->mappings || !whole->samples)
		return -ENOMEM;
	if (whole->how->bare)
		return merge(whole);
	for (uint32_t i = 0; i < it->n_sample; i++)
		if (counts(whole, it->sample[i]))
			whole->samples[whole->count++] = it->sample[i];
	return 0;
}

static int keep(struct cp_parts *parts, struct cp_bytes *part)
{
	struct cp_bytes *all = realloc(parts->all, (parts->count + 1) * sizeof(*all));
	if (!all) {
		free(part->data);
		return -ENOMEM;
	}
	parts->all = all;
	all[parts->count++] = *part;
	return 0;
}

/* In halves, until each is small enough: so deep only as the count has bits. */
// NOLINTNEXTLINE(misc-no-recursion)
static int cut(const struct cp_cut_whole *whole, uint32_t from, uint32_t to, struct cp_parts *parts)
{
	const struct cp_cut *how = whole->how;
	uint32_t middle = from + (to - from) / 2;
	bool one = to - from < 2;
	if (one || to - from <= how->samples) {
		struct cp_bytes part = {0};
		size_t text = how->text;
		for (;; text /= 4) {
			int error =
			    cp_cut_part(whole, from, to, text, (int64_t)parts->count, &part);
			if (error)
				return error;
			if (part.len <= how->bytes || (one && text / 4 < CP_TEXT_LEAST))
				return keep(parts, &part);
			free(part.data);
			if (!one)
				break;
		}
	}
	int error = cut(whole, from, middle, parts);
	return error ? error : cut(whole, middle, to, parts);
}

int cp_cut(const struct cp_bytes *file, const struct cp_cut *how, struct cp_parts *parts)
{
	struct cp_cut_whole whole = {.how = how};
	Cp__Profile *it;
	*parts = (struct cp_parts){0};
	int error = cp_reading_take(file, &it);
	if (error)
		return error;
	whole.it = it;
	error = prepare(&whole);
	if (!error)
		error = cut(&whole, 0, whole.count, parts);
	cp_arena_free(&whole.memory);
	cp__profile__free_unpacked(it, NULL);
	if (error)
		cp_parts_free(parts);
	return error;
}

void cp_parts_free(struct cp_parts *parts)
{
	for (size_t i = 0; i < parts->count; i++)
		free(parts->all[i].data);
	free(parts->all);
	*parts = (struct cp_parts){0};
}
