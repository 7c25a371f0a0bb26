/* locations.c - a profile's mappings, locations and functions, with names from the symbols. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/codename.h"
#include "encoder/making.h"
#include "encoder/symbols.h"

/* The file, and without a name the function, of code that was made at run time. */
#define CP_CODE_FILE "[jit]"
/* vm.mmap_min_addr, as kernels come */
#define CP_LOWEST_CODE UINT64_C(0x10000)

static int64_t build_id_text(struct cp_making *making, const struct cp_mapping *mapping)
{
	char text[2 * sizeof(mapping->build_id) + 1] = "";
	for (uint32_t i = 0; i < mapping->build_id_len; i++)
		snprintf(text + (size_t)2 * i, 3, "%02x", mapping->build_id[i]);
	return cp_making_text(making, text);
}

static void add_mapping(struct cp_making *making, uint32_t number)
{
	Cp__Profile *profile = &making->profile;
	const struct cp_mapping *mapping = cp_intern_value(&making->batch->mappings, number);
	Cp__Mapping *made =
	    making->mapping_ids[number] ? NULL : cp_making_take(making, 1, sizeof(*made));
	if (!made || !mapping->path)
		return;
	cp__mapping__init(made);
	profile->mapping[profile->n_mapping++] = made;
	making->mapping_ids[number] = (uint32_t)profile->n_mapping;
	made->id = profile->n_mapping;
	made->memory_start = mapping->start;
	made->memory_limit = mapping->end;
	made->file_offset = mapping->file_offset;
	made->filename = cp_making_text(making, mapping->path);
	made->build_id = build_id_text(making, mapping);
}

/* An address in no module, above what no process can map: other addresses are of a walk gone wrong.
 */
static bool is_code(const struct cp_place *place)
{
	if (place->mapping != CP_NONE)
		return false;
	return place->word ? place->word >= CP_WORD_CODE : place->address >= CP_LOWEST_CODE;
}

/* One for all code that lies in no file, from the lowest to the highest: places come in that order.
 * Readers never look for the file of a name in brackets. */
static void add_code_mapping(struct cp_making *making, uint64_t address)
{
	const uint64_t page = 4095;
	Cp__Profile *profile = &making->profile;
	if (!making->code_mapping) {
		Cp__Mapping *made = cp_making_take(making, 1, sizeof(*made));
		if (!made)
			return;
		cp__mapping__init(made);
		profile->mapping[profile->n_mapping++] = made;
		made->id = making->code_mapping = profile->n_mapping;
		made->memory_start = address & ~page;
		made->filename = cp_making_text(making, CP_CODE_FILE);
		made->has_functions = true;
	}
	profile->mapping[making->code_mapping - 1]->memory_limit =
	    address < UINT64_MAX - page ? (address | page) + 1 : UINT64_MAX;
}

/* The program itself is always there, and first: readers name the profile after it. */
static void add_mappings(struct cp_making *making)
{
	const struct cp_intern *mappings = &making->batch->mappings;
	making->mapping_ids = cp_making_take(making, mappings->count, sizeof(*making->mapping_ids));
	/* each once more, for what has no name; and one that is nobody's */
	making->profile.mapping = cp_making_pointers(making, (size_t)2 * mappings->count + 1);
	for (uint32_t i = 0; i < mappings->count && !making->error; i++)
		if (((const struct cp_mapping *)cp_intern_value(mappings, i))->is_main)
			add_mapping(making, i);
	for (uint32_t i = 0; i < making->place_count && !making->error; i++) {
		const struct cp_place *place =
		    cp_intern_value(&making->batch->places, making->order[i]);
		if (place->mapping != CP_NONE)
			add_mapping(making, place->mapping);
		else if (is_code(place))
			add_code_mapping(making, place->address);
	}
}

static uint64_t function_id(struct cp_making *making, const struct cp_line *line)
{
	const struct cp_function_key key = {cp_making_text(making, line->name),
					    cp_making_text(making, line->system_name),
					    cp_making_text(making, line->file), line->start_line};
	uint32_t number = cp_intern(&making->functions, &key, sizeof(key));
	if (number == CP_NONE)
		making->error = -ENOMEM;
	return (uint64_t)number + 1;
}

static void add_lines(struct cp_making *making, Cp__Location *location, struct cp_lines found)
{
	location->line = cp_making_pointers(making, found.count);
	for (uint32_t i = 0; i < found.count && !making->error; i++) {
		Cp__Line *line = cp_making_take(making, 1, sizeof(*line));
		if (!line)
			return;
		cp__line__init(line);
		line->function_id = function_id(making, &found.lines[i]);
		line->line = found.lines[i].line;
		location->line[location->n_line++] = line;
	}
}

/* Of a file without a build-id of which we know nothing, while there is one at its path: that is
 * another, and its names are all that a reader could find. */
static bool would_mislead(struct cp_image *image, const struct cp_mapping *mapping)
{
	return !mapping->build_id_len && !cp_image_has_names(image) && !access(mapping->path, R_OK);
}

/* An address in the middle of nothing known gets no line (cp_making_flags says so). */
static void symbolise(struct cp_making *making, const struct cp_place *place,
		      struct cp_image *image, Cp__Location *location)
{
	const struct cp_mapping *mapping =
	    cp_intern_value(&making->batch->mappings, place->mapping);
	Cp__Mapping *made = making->profile.mapping[location->mapping_id - 1];
	add_lines(making, location, cp_image_lines(image, place->address - mapping->bias));
	if (!made->has_functions && would_mislead(image, mapping))
		made->has_functions = true; /* it is told not to look */
}

static struct cp_image *image_of(struct cp_making *making, const struct cp_place *place)
{
	const struct cp_mapping *mapping =
	    cp_intern_value(&making->batch->mappings, place->mapping);
	const struct cp_module_id id = {.path = mapping->path,
					.build_id = mapping->build_id,
					.build_id_len = mapping->build_id_len,
					.is_main = mapping->is_main,
					.pid = mapping->pid,
					.origin = mapping->origin,
					.start = mapping->seen_at,
					.how = making->batch->how};
	return making->batch->symbols && mapping->path[0]
		   ? cp_symbols_image(making->batch->symbols, &id)
		   : NULL;
}

/* Where such a function begins is all that is known of its lines. */
static void add_code(struct cp_making *making, const struct cp_place *place, Cp__Location *location)
{
	struct cp_code_name is;
	struct cp_line line = {CP_CODE_FILE, CP_CODE_FILE, "", 0, 0};
	size_t len;
	if (place->word) {
		line.system_name =
		    cp_intern_key(&making->batch->codes, place->word - CP_WORD_CODE, &len);
		cp_code_name(line.system_name, &is);
		line.name = is.name;
		line.file = is.file;
		line.line = line.start_line = is.line;
	}
	location->mapping_id = making->code_mapping;
	add_lines(making, location, (struct cp_lines){&line, 1});
}

static void add_location(struct cp_making *making, const struct cp_place *place,
			 struct cp_image *image)
{
	Cp__Profile *profile = &making->profile;
	Cp__Location *location = cp_making_take(making, 1, sizeof(*location));
	if (!location)
		return;
	cp__location__init(location);
	profile->location[profile->n_location++] = location;
	location->id = profile->n_location;
	location->address = place->address;
	if (place->mapping != CP_NONE)
		location->mapping_id = making->mapping_ids[place->mapping];
	if (is_code(place)) {
		add_code(making, place, location);
	} else if (place->word) {
		const char *text = cp_word_text(place->word);
		const struct cp_line line = {text, text, "", 0, 0};
		add_lines(making, location, (struct cp_lines){&line, 1});
	} else if (image && location->mapping_id) {
		symbolise(making, place, image, location);
	}
}

static void make_functions(struct cp_making *making)
{
	Cp__Profile *profile = &making->profile;
	uint32_t count = making->functions.count;
	profile->function = cp_making_pointers(making, count);
	for (uint32_t i = 0; i < count && !making->error; i++) {
		size_t len;
		const struct cp_function_key *key = cp_intern_key(&making->functions, i, &len);
		Cp__Function *function = cp_making_take(making, 1, sizeof(*function));
		if (!function)
			return;
		cp__function__init(function);
		function->id = (uint64_t)i + 1;
		function->name = key->name;
		function->system_name = key->system_name;
		function->filename = key->file;
		function->start_line = key->start_line;
		profile->function[profile->n_function++] = function;
	}
}

/* The addresses of all places from this one on that lie in the same mapping are looked up at once.
 */
static void prepare(struct cp_making *making, struct cp_image *image, uint32_t from)
{
	const struct cp_batch *batch = making->batch;
	const struct cp_place *place = cp_intern_value(&batch->places, making->order[from]);
	const struct cp_mapping *mapping = cp_intern_value(&batch->mappings, place->mapping);
	const uint32_t number = place->mapping;
	uint64_t *addresses = calloc(making->place_count - from, sizeof(*addresses));
	uint32_t count = 0;
	for (uint32_t i = from; addresses && i < making->place_count; i++) {
		place = cp_intern_value(&batch->places, making->order[i]);
		if (place->mapping != number)
			break;
		addresses[count++] = place->address - mapping->bias;
	}
	cp_image_prepare(image, addresses, count);
	free(addresses);
}

void cp_making_locations(struct cp_making *making)
{
	uint32_t last = CP_NONE;
	struct cp_image *image = NULL;
	add_mappings(making);
	making->profile.location = cp_making_pointers(making, making->place_count);
	for (uint32_t i = 0; i < making->place_count && !making->error; i++) {
		const struct cp_place *place =
		    cp_intern_value(&making->batch->places, making->order[i]);
		if (place->mapping != last) {
			image = place->mapping == CP_NONE ? NULL : image_of(making, place);
			if (image)
				prepare(making, image, i);
		}
		last = place->mapping;
		add_location(making, place, image);
	}
	if (!making->error)
		cp_making_flags(making);
	if (!making->error)
		make_functions(making);
}
