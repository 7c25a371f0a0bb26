/* cuttables.c - a part of a profile: the locations, functions, mappings and texts that it needs. */
/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "encoder/batch.h"
#include "encoder/cutting.h"
#include "encoder/text.h"

void *cp_cutting_take(struct cp_cutting *part, size_t count, size_t size)
{
	void *taken = cp_arena_take(&part->memory, (count ? count : 1) * size);
	part->failed = part->failed || !taken;
	return taken;
}

/* Never longer than allowed, and valid; its index. */
int64_t cp_cutting_add(struct cp_cutting *part, const char *text, bool is_type)
{
	size_t len = strnlen(text, part->text_most);
	char *copy = cp_arena_text(&part->memory, text, len);
	if (copy)
		cp_text_clean(copy, len);
	for (size_t i = 0; copy && is_type && i < len; i++)
		if (copy[i] == '-')
			copy[i] = '_';
	uint32_t number = copy ? cp_intern(&part->texts, copy, len + 1) : CP_NONE;
	part->failed = part->failed || number == CP_NONE;
	return number == CP_NONE ? 0 : number;
}

int64_t cp_cutting_text(struct cp_cutting *part, int64_t index)
{
	const Cp__Profile *it = part->whole->it;
	return index > 0 && (uint64_t)index < it->n_string_table
		   ? cp_cutting_add(part, it->string_table[index], false)
		   : 0;
}

/* How many frames are taken over, the one at the root that stands for the others not counted. */
size_t cp_cutting_depth(const struct cp_cutting *part, const Cp__Sample *sample)
{
	size_t most = part->whole->how->depth;
	return sample->n_location_id > most && most ? most - 1 : sample->n_location_id;
}

/* Marks what the samples need: 1 is an id that is yet to be given. */
static void mark(struct cp_cutting *part, uint32_t from, uint32_t to)
{
	const struct cp_cut_whole *whole = part->whole;
	const Cp__Profile *it = whole->it;
	for (uint32_t i = from; i < to; i++) {
		const Cp__Sample *sample = whole->samples[i];
		size_t depth = cp_cutting_depth(part, sample);
		part->cut_id |= depth < sample->n_location_id;
		for (size_t n = 0; n < depth; n++) {
			uint32_t at =
			    cp_cut_find(whole->locations, it->n_location, sample->location_id[n]);
			if (at != CP_CUT_NOWHERE)
				part->locations[at] = 1;
		}
	}
	for (size_t i = 0; i < it->n_location; i++) {
		const Cp__Location *location = it->location[i];
		if (!part->locations[i])
			continue;
		uint32_t at = cp_cut_find(whole->mappings, it->n_mapping, location->mapping_id);
		if (at != CP_CUT_NOWHERE)
			part->mappings[at] = 1;
		for (size_t n = 0; n < location->n_line; n++) {
			at = cp_cut_find(whole->functions, it->n_function,
					 location->line[n]->function_id);
			if (at != CP_CUT_NOWHERE)
				part->functions[at] = 1;
		}
	}
	if (it->n_mapping)
		part->mappings[0] = 1;
}

static uint32_t give_ids(uint32_t *ids, size_t count)
{
	uint32_t next = 0;
	for (size_t i = 0; i < count; i++)
		if (ids[i])
			ids[i] = ++next;
	return next;
}

static void make_mappings(struct cp_cutting *part)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	profile->mapping = cp_cutting_take(part, give_ids(part->mappings, it->n_mapping),
					   sizeof(*profile->mapping));
	for (size_t i = 0; i < it->n_mapping && !part->failed; i++) {
		Cp__Mapping *mapping =
		    part->mappings[i] ? cp_cutting_take(part, 1, sizeof(*mapping)) : NULL;
		if (!mapping)
			continue;
		*mapping = *it->mapping[i];
		mapping->base.n_unknown_fields = 0;
		mapping->id = part->mappings[i];
		mapping->filename = cp_cutting_text(part, mapping->filename);
		mapping->build_id = cp_cutting_text(part, mapping->build_id);
		profile->mapping[profile->n_mapping++] = mapping;
	}
}

static void make_functions(struct cp_cutting *part)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	uint32_t count = give_ids(part->functions, it->n_function);
	profile->function = cp_cutting_take(part, (size_t)count + 1, sizeof(*profile->function));
	for (size_t i = 0; i < it->n_function && !part->failed; i++) {
		Cp__Function *function =
		    part->functions[i] ? cp_cutting_take(part, 1, sizeof(*function)) : NULL;
		if (!function)
			continue;
		*function = *it->function[i];
		function->base.n_unknown_fields = 0;
		function->id = part->functions[i];
		function->name = cp_cutting_text(part, function->name);
		function->system_name = cp_cutting_text(part, function->system_name);
		function->filename = cp_cutting_text(part, function->filename);
		profile->function[profile->n_function++] = function;
	}
}

static void make_lines(struct cp_cutting *part, Cp__Location *location, const Cp__Location *from)
{
	const struct cp_cut_whole *whole = part->whole;
	location->n_line = 0;
	location->line = cp_cutting_take(part, from->n_line, sizeof(*location->line));
	for (size_t i = 0; i < from->n_line && !part->failed; i++) {
		uint32_t at = cp_cut_find(whole->functions, whole->it->n_function,
					  from->line[i]->function_id);
		Cp__Line *line =
		    at == CP_CUT_NOWHERE ? NULL : cp_cutting_take(part, 1, sizeof(*line));
		if (!line)
			continue;
		*line = *from->line[i];
		line->base.n_unknown_fields = 0;
		line->function_id = part->functions[at];
		location->line[location->n_line++] = line;
	}
}

/* The place that stands for a root that was cut off. */
static void make_cut(struct cp_cutting *part)
{
	Cp__Profile *profile = &part->profile;
	Cp__Function *function = cp_cutting_take(part, 1, sizeof(*function));
	Cp__Location *location = cp_cutting_take(part, 1, sizeof(*location));
	Cp__Line *line = cp_cutting_take(part, 1, sizeof(*line));
	Cp__Line **lines = cp_cutting_take(part, 1, sizeof(Cp__Line *));
	if (part->failed)
		return;
	cp__function__init(function);
	cp__location__init(location);
	cp__line__init(line);
	function->id = line->function_id = profile->n_function + 1;
	function->name = function->system_name =
	    cp_cutting_add(part, cp_word_text(CP_WORD_TRUNCATED), false);
	location->id = part->cut_id = profile->n_location + 1;
	lines[location->n_line++] = line;
	location->line = lines;
	profile->function[profile->n_function++] = function;
	profile->location[profile->n_location++] = location;
}

static void make_locations(struct cp_cutting *part)
{
	const struct cp_cut_whole *whole = part->whole;
	const Cp__Profile *it = whole->it;
	Cp__Profile *profile = &part->profile;
	uint32_t count = give_ids(part->locations, it->n_location);
	profile->location = cp_cutting_take(part, (size_t)count + 1, sizeof(*profile->location));
	for (size_t i = 0; i < it->n_location && !part->failed; i++) {
		Cp__Location *location =
		    part->locations[i] ? cp_cutting_take(part, 1, sizeof(*location)) : NULL;
		if (!location)
			continue;
		*location = *it->location[i];
		location->base.n_unknown_fields = 0;
		location->id = part->locations[i];
		uint32_t at = cp_cut_find(whole->mappings, it->n_mapping, location->mapping_id);
		location->mapping_id = at == CP_CUT_NOWHERE ? 0 : part->mappings[at];
		make_lines(part, location, it->location[i]);
		profile->location[profile->n_location++] = location;
	}
	if (part->cut_id && !part->failed)
		make_cut(part);
}

void cp_cutting_tables(struct cp_cutting *part, uint32_t from, uint32_t to)
{
	mark(part, from, to);
	make_mappings(part);
	make_functions(part);
	make_locations(part);
}
