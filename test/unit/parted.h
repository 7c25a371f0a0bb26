/* parted.h - a profile that is made to be cut, and what its parts must add up to. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/arena.h"
#include "encoder/cut.h"
#include "encoder/reader.h"
#include "pprof.pb-c.h"
#include "test/unit/unit.h"

#define FUNCTIONS 700
#define TYPES	  4

/* What is made: so many samples of such depth, functions with names of so many bytes. */
struct made {
	uint32_t samples, depth;
	size_t name;
	const char *odd; /* the first function's name; NULL: as the others */
};

static struct cp_arena memory;

#define NEW(type, field)                                                                           \
	({                                                                                         \
		type *new_ = cp_arena_take(&memory, sizeof(type));                                 \
		field(new_);                                                                       \
		new_;                                                                              \
	})

static inline void *pointers(size_t count)
{
	return cp_arena_take(&memory, (count + 1) * sizeof(void *));
}

/* Texts: 0 "", 1.. types and units, 9 a mapping, 10 "pid", 11 "thread", 12 "main", from 20 on
 * names. Locations have the ids 1000, 998 ..., functions 5, 10 ... downward, so nothing is dense.
 */
static inline void make_tables(Cp__Profile *it, const struct made *made)
{
	static const char *const texts[20] = {
	    "",	     "alloc-objects", "count",	       "alloc_space", "bytes", "inuse_objects",
	    "count", "inuse_space",   "bytes",	       "/bin/it",     "pid",   "thread",
	    "main",  "unused",	      "malloc|calloc", "a comment"};
	it->string_table = pointers(20 + FUNCTIONS);
	for (int i = 0; i < 20; i++)
		it->string_table[i] = (char *)(uintptr_t)(texts[i] ? texts[i] : "");
	it->n_string_table = 20 + FUNCTIONS;
	it->function = pointers(FUNCTIONS);
	it->location = pointers(FUNCTIONS);
	it->mapping = pointers(3);
	for (uint64_t i = 0; i < 3; i++) {
		it->mapping[i] = NEW(Cp__Mapping, cp__mapping__init);
		it->mapping[i]->id = 7 + i;
		it->mapping[i]->filename = 9;
		it->mapping[i]->has_functions = true;
	}
	it->n_mapping = 3;
	for (uint64_t i = 0; i < FUNCTIONS; i++) {
		char *name = cp_arena_take(&memory, made->name + 2);
		memset(name, 'f', made->name);
		snprintf(name, 12, "f%05u", (unsigned)i);
		if (made->name > 6)
			name[6] = '_';
		it->string_table[20 + i] = !i && made->odd ? (char *)(uintptr_t)made->odd : name;
		it->function[i] = NEW(Cp__Function, cp__function__init);
		it->function[i]->id = 5 * (FUNCTIONS - i);
		it->function[i]->name = it->function[i]->system_name = (int64_t)(20 + i);
		it->location[i] = NEW(Cp__Location, cp__location__init);
		it->location[i]->id = 1000 + 2 * (FUNCTIONS - i);
		it->location[i]->mapping_id = i % 2 ? 8 : 0;
		it->location[i]->line = pointers(1);
		it->location[i]->line[0] = NEW(Cp__Line, cp__line__init);
		it->location[i]->line[0]->function_id = it->function[i]->id;
		it->location[i]->n_line = 1;
	}
	it->n_function = it->n_location = FUNCTIONS;
}

static inline Cp__Sample *make_sample(const Cp__Profile *it, uint32_t number, uint32_t depth)
{
	Cp__Sample *sample = NEW(Cp__Sample, cp__sample__init);
	sample->location_id = cp_arena_take(&memory, (depth + 1) * sizeof(uint64_t));
	for (uint32_t i = 0; i < depth; i++)
		sample->location_id[i] =
		    it->location[(number * 31 + i * (number % 7 + 1)) % FUNCTIONS]->id;
	sample->n_location_id = depth;
	sample->value = cp_arena_take(&memory, TYPES * sizeof(int64_t));
	for (uint32_t i = 0; i < TYPES; i++)
		sample->value[i] = number % 3 == i % 3 ? 0 : (int64_t)(number + i) * 1000;
	sample->n_value = TYPES;
	sample->label = pointers(2);
	for (int i = 0; i < 2; i++) {
		sample->label[i] = NEW(Cp__Label, cp__label__init);
		sample->label[i]->key = 10 + i;
		sample->label[i]->str = i ? 12 : 0;
		sample->label[i]->num = i ? 0 : 4711;
	}
	sample->n_label = 2;
	return sample;
}

static inline struct cp_bytes make(const struct made *made)
{
	Cp__Profile it = CP__PROFILE__INIT;
	make_tables(&it, made);
	it.sample_type = pointers(TYPES);
	for (int i = 0; i < TYPES; i++) {
		it.sample_type[i] = NEW(Cp__ValueType, cp__value_type__init);
		it.sample_type[i]->type = 1 + 2 * i;
		it.sample_type[i]->unit = 2 + 2 * i;
	}
	it.n_sample_type = TYPES;
	it.period_type = it.sample_type[3];
	it.period = 524288;
	it.time_nanos = 1000000000;
	it.duration_nanos = 45;
	it.drop_frames = 14;
	int64_t comment = 15;
	it.comment = &comment;
	it.n_comment = 1;
	it.sample = pointers(made->samples);
	for (uint32_t i = 0; i < made->samples; i++)
		it.sample[i] = make_sample(&it, i, made->depth);
	it.n_sample = made->samples;
	struct cp_bytes bytes = {malloc(cp__profile__get_packed_size(&it)), 0};
	bytes.len = cp__profile__pack(&it, bytes.data);
	cp_arena_free(&memory);
	return bytes;
}

static const struct cp_cut all_of_it = {
    .bytes = SIZE_MAX, .samples = SIZE_MAX, .depth = 1000, .text = 65535, .duration_ns = -1};

/* The rules of those who take it; and that nothing is there that nobody needs. */
static inline void check_part(const struct cp_bytes *bytes, const struct cp_cut *how)
{
	Cp__Profile *it = cp__profile__unpack(NULL, bytes->len, bytes->data);
	assert_non_null(it);
	char *used = calloc(it->n_location + it->n_function + it->n_string_table + 3, 1);
	char *functions = used + it->n_location + 1, *texts = functions + it->n_function + 1;
	assert_string_equal(it->string_table[0], "");
	for (size_t i = 0; i < it->n_sample; i++) {
		const Cp__Sample *sample = it->sample[i];
		assert_int_equal(sample->n_value, it->n_sample_type);
		assert_true(sample->n_location_id <= how->depth);
		for (size_t n = 0; n < sample->n_location_id; n++) {
			assert_in_range(sample->location_id[n], 1, it->n_location);
			used[sample->location_id[n]] = 1;
		}
		assert_int_equal(sample->n_label, how->bare ? 1 : 2);
		assert_string_equal(it->string_table[sample->label[0]->key], "pid");
		assert_int_equal(sample->label[0]->num, 4711);
	}
	for (size_t i = 0; i < it->n_location; i++) {
		assert_int_equal(it->location[i]->id, i + 1);
		assert_true(used[i + 1]);
		assert_true(it->location[i]->mapping_id <= it->n_mapping);
		assert_int_equal(it->location[i]->n_line, 1);
		functions[it->location[i]->line[0]->function_id] = 1;
	}
	for (size_t i = 0; i < it->n_function; i++) {
		assert_int_equal(it->function[i]->id, i + 1);
		assert_true(functions[i + 1]);
		texts[it->function[i]->name] = texts[it->function[i]->system_name] = 1;
	}
	for (size_t i = 0; i < it->n_mapping; i++) {
		assert_int_equal(it->mapping[i]->id, i + 1);
		assert_string_equal(it->string_table[it->mapping[i]->filename], "/bin/it");
	}
	assert_true(it->n_mapping >= 1);
	for (size_t i = 0; i < it->n_string_table; i++) {
		assert_true(strlen(it->string_table[i]) <= how->text);
		if (it->string_table[i][0] == 'f')
			assert_true(texts[i]);
		assert_string_not_equal(it->string_table[i], "unused");
	}
	for (size_t i = 0; i < it->n_sample_type; i++)
		assert_null(strchr(it->string_table[it->sample_type[i]->type], '-'));
	free(used);
	cp__profile__free_unpacked(it, NULL);
}

/* Adds up a function's own and whole share by name: `sums` by the number in the name. */
static inline void add_up(const struct cp_bytes *bytes, size_t type, int64_t sums[FUNCTIONS][2],
			  int64_t *whole)
{
	struct cp_reader *reader;
	struct cp_function_sum *found;
	size_t count;
	int64_t here;
	assert_int_equal(cp_reader_open(bytes, &reader), 0);
	assert_int_equal(cp_reader_sum(reader, type, &found, &count, &here), 0);
	for (size_t i = 0; i < count; i++) {
		unsigned long number = strtoul(found[i].name + 1, NULL, 10);
		assert_in_range(number, 0, FUNCTIONS - 1);
		sums[number][0] += found[i].self;
		sums[number][1] += found[i].total;
	}
	*whole += here;
	free(found);
	cp_reader_close(reader);
}

static inline void parts_add_up(const struct made *made, const struct cp_cut *how, size_t least)
{
	static int64_t before[FUNCTIONS][2], after[FUNCTIONS][2];
	struct cp_bytes file = make(made), packed;
	struct cp_parts parts, again;
	assert_int_equal(cp_cut(&file, how, &parts), 0);
	assert_in_range(parts.count, least, 4 * least);
	for (size_t i = 0; i < parts.count; i++) {
		assert_true(parts.all[i].len <= how->bytes);
		check_part(&parts.all[i], how);
	}
	for (size_t type = 0; type < TYPES; type++) {
		int64_t whole[2] = {0};
		memset(before, 0, sizeof(before));
		memset(after, 0, sizeof(after));
		add_up(&file, type, before, &whole[0]);
		for (size_t i = 0; i < parts.count; i++)
			add_up(&parts.all[i], type, after, &whole[1]);
		assert_true(whole[0] > 0);
		assert_int_equal(whole[0], whole[1]);
		assert_memory_equal(before, after, sizeof(before));
	}
	/* the same, as it comes out of a spool */
	assert_int_equal(cp_gzip(&file, &packed), 0);
	assert_int_equal(cp_cut(&packed, how, &again), 0);
	assert_int_equal(parts.count, again.count);
	for (size_t i = 0; i < parts.count; i++) {
		assert_int_equal(parts.all[i].len, again.all[i].len);
		assert_memory_equal(parts.all[i].data, again.all[i].data, parts.all[i].len);
	}
	cp_parts_free(&parts);
	cp_parts_free(&again);
	free(file.data);
	free(packed.data);
}
