/* reader.c - a profile read back from a file: checked, and its functions added up. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/reading.h"

/* Larger than any profile that we make; and than what it becomes when it is taken apart: two bytes
 * of a message may be a hundred in memory. */
#define CP_PLAIN_MAX	 ((size_t)128 << 20)
#define CP_APART_MAX	 ((size_t)512 << 20)
#define CP_FUNCTIONS_MAX (1u << 22)

const char *cp_reader_text(const struct cp_reader *reader, int64_t index)
{
	const Cp__Profile *it = reader->it;
	return index >= 0 && (uint64_t)index < it->n_string_table ? it->string_table[index] : "";
}

static int by_id(const void *a, const void *b, void *locations)
{
	Cp__Location *const *all = locations;
	uint64_t x = all[*(const uint32_t *)a]->id, y = all[*(const uint32_t *)b]->id;
	return (x > y) - (x < y);
}

static int function_by_id(const void *a, const void *b)
{
	uint64_t x = (*(Cp__Function *const *)a)->id, y = (*(Cp__Function *const *)b)->id;
	return (x > y) - (x < y);
}

const Cp__Function *cp_reader_function(const struct cp_reader *reader, uint64_t id)
{
	const Cp__Profile *it = reader->it;
	Cp__Function wanted = {.id = id}, *key = &wanted;
	Cp__Function **found = it->n_function ? bsearch(&key, it->function, it->n_function,
							sizeof(*it->function), function_by_id)
					      : NULL;
	return found ? *found : NULL;
}

static const char *name_of_line(const struct cp_reader *reader, const Cp__Line *line)
{
	const Cp__Function *function = cp_reader_function(reader, line->function_id);
	const char *name = function ? cp_reader_text(reader, function->name) : "";
	return *name || !function ? name : cp_reader_text(reader, function->system_name);
}

/* As pprof shows it: a place without a name goes under its file's. */
static void name_of_mapping(const struct cp_reader *reader, uint64_t id, char name[256])
{
	const char *path = "";
	for (size_t i = 0; i < reader->it->n_mapping; i++)
		if (reader->it->mapping[i]->id == id)
			path = cp_reader_text(reader, reader->it->mapping[i]->filename);
	const char *slash = strrchr(path, '/');
	snprintf(name, 256, "[%s]", slash ? slash + 1 : *path ? path : "unknown");
}

static int add_location(struct cp_reader *reader, uint32_t number, uint32_t *used)
{
	const Cp__Location *location = reader->it->location[number];
	char bare[256];
	reader->of_location[number] = *used;
	for (size_t i = location->n_line; i--;) {
		const char *name = name_of_line(reader, location->line[i]);
		if (!*name)
			name = "?";
		uint32_t function = cp_intern(&reader->functions, name, strlen(name) + 1);
		if (function == CP_NONE)
			return -ENOMEM;
		reader->names[(*used)++] = function;
	}
	if (location->n_line)
		return 0;
	name_of_mapping(reader, location->mapping_id, bare);
	uint32_t function = cp_intern(&reader->functions, bare, strlen(bare) + 1);
	reader->names[(*used)++] = function;
	return function == CP_NONE ? -ENOMEM : 0;
}

static int index_locations(struct cp_reader *reader)
{
	Cp__Profile *it = reader->it;
	size_t count = it->n_location, names = 0;
	uint32_t used = 0;
	for (size_t i = 0; i < count; i++)
		names += it->location[i]->n_line ? it->location[i]->n_line : 1;
	reader->of_location = calloc(count + 1, sizeof(uint32_t));
	reader->by_location_id = calloc(count + 1, sizeof(uint32_t));
	reader->names = calloc(names + 1, sizeof(uint32_t));
	if (!reader->of_location || !reader->by_location_id || !reader->names)
		return -ENOMEM;
	if (it->n_function)
		qsort(it->function, it->n_function, sizeof(*it->function), function_by_id);
	for (uint32_t i = 0; i < count; i++) {
		int error = add_location(reader, i, &used);
		if (error)
			return error;
		reader->by_location_id[i] = i;
	}
	reader->of_location[count] = used;
	if (count)
		qsort_r(reader->by_location_id, count, sizeof(uint32_t), by_id, it->location);
	return 0;
}

static void *take(void *left, size_t size)
{
	size_t *room = left;
	/* what the allocator itself needs for many small ones */
	if (size > SIZE_MAX - 16 || size + 16 > *room)
		return NULL;
	*room -= size + 16;
	return malloc(size);
}

static void give_back(void *left CP_UNUSED, void *taken)
{
	free(taken);
}

static int take_apart(const struct cp_bytes *plain, Cp__Profile **it)
{
	size_t left = CP_APART_MAX;
	ProtobufCAllocator bounded = {take, give_back, &left};
	*it = cp__profile__unpack(&bounded, plain->len, plain->data);
	if (!*it)
		return left < CP_APART_MAX / 64 ? -EFBIG : -EBADMSG;
	/* Any bytes may look like an empty message: a profile has types, and an empty first text.
	 */
	if (!(*it)->n_sample_type || !(*it)->n_string_table || (*it)->string_table[0][0] ||
	    (*it)->n_location >= UINT32_MAX)
		return -EBADMSG;
	return 0;
}

int cp_reading_take(const struct cp_bytes *file, Cp__Profile **it)
{
	struct cp_bytes plain;
	*it = NULL;
	int error = cp_unpack(file, &plain, CP_PLAIN_MAX);
	if (!error)
		error = take_apart(&plain, it);
	free(plain.data);
	if (error && *it) {
		cp__profile__free_unpacked(*it, NULL);
		*it = NULL;
	}
	return error;
}

int cp_reader_open(const struct cp_bytes *file, struct cp_reader **result)
{
	*result = NULL;
	struct cp_reader *reader = calloc(1, sizeof(*reader));
	int error = reader ? cp_reading_take(file, &reader->it) : -ENOMEM;
	if (!error) {
		cp_intern_init(&reader->functions, CP_FUNCTIONS_MAX,
			       sizeof(struct cp_reader_entry));
		error = index_locations(reader);
	}
	if (error)
		cp_reader_close(reader);
	else
		*result = reader;
	return error;
}

void cp_reader_close(struct cp_reader *reader)
{
	if (!reader)
		return;
	if (reader->it)
		cp__profile__free_unpacked(reader->it, NULL);
	cp_intern_free(&reader->functions);
	free(reader->of_location);
	free(reader->by_location_id);
	free(reader->names);
	free(reader);
}

size_t cp_reader_types(const struct cp_reader *reader)
{
	return reader->it->n_sample_type;
}

const char *cp_reader_type(const struct cp_reader *reader, size_t type)
{
	return type < reader->it->n_sample_type
		   ? cp_reader_text(reader, reader->it->sample_type[type]->type)
		   : "";
}

const char *cp_reader_unit(const struct cp_reader *reader, size_t type)
{
	return type < reader->it->n_sample_type
		   ? cp_reader_text(reader, reader->it->sample_type[type]->unit)
		   : "";
}

int64_t cp_reader_duration(const struct cp_reader *reader)
{
	return reader->it->duration_nanos > 0 ? reader->it->duration_nanos : 0;
}

size_t cp_reader_first(const struct cp_reader *reader)
{
	const char *wanted = cp_reader_text(reader, reader->it->default_sample_type);
	size_t last = reader->it->n_sample_type - 1;
	for (size_t i = 0; i < last && *wanted; i++)
		if (!strcmp(cp_reader_type(reader, i), wanted))
			return i;
	return last;
}
