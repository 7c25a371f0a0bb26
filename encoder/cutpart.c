/* cutpart.c - some samples of a profile as a profile of their own, with what they need. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/batch.h"
#include "encoder/cutting.h"
#include "encoder/text.h"

#define CP_NS_IN_MS INT64_C(1000000)

struct part {
	const struct cp_cut_whole *whole;
	struct cp_arena memory;
	size_t text_most;
	/* by index in the whole's tables: the id in this part; 0: not in it */
	uint32_t *locations, *functions, *mappings;
	struct cp_intern texts;
	uint64_t cut_id; /* of the location that stands for a root that was cut off; 0: none */
	Cp__Profile profile;
	bool failed;
};

static void *take(struct part *part, size_t count, size_t size)
{
	void *taken = cp_arena_take(&part->memory, (count ? count : 1) * size);
	part->failed = part->failed || !taken;
	return taken;
}

/* Never longer than allowed, and valid; its index. */
static int64_t add_text(struct part *part, const char *text, bool is_type)
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

static int64_t text_of(struct part *part, int64_t index)
{
	const Cp__Profile *it = part->whole->it;
	return index > 0 && (uint64_t)index < it->n_string_table
		   ? add_text(part, it->string_table[index], false)
		   : 0;
}

/* Half a regular expression is worse than none. */
static int64_t expression_of(struct part *part, int64_t index)
{
	const Cp__Profile *it = part->whole->it;
	if (index <= 0 || (uint64_t)index >= it->n_string_table ||
	    strlen(it->string_table[index]) > part->text_most)
		return 0;
	return text_of(part, index);
}

/* A name of a type has no dash at Pyroscope. */
static Cp__ValueType *type_of(struct part *part, const Cp__ValueType *from)
{
	const Cp__Profile *it = part->whole->it;
	Cp__ValueType *type = take(part, 1, sizeof(*type));
	if (!type)
		return NULL;
	cp__value_type__init(type);
	int64_t texts[2] = {from->type, from->unit};
	for (int i = 0; i < 2; i++)
		texts[i] = texts[i] > 0 && (uint64_t)texts[i] < it->n_string_table
			       ? add_text(part, it->string_table[texts[i]], true)
			       : 0;
	type->type = texts[0];
	type->unit = texts[1];
	return type;
}

static bool is_wanted(const struct part *part, size_t type)
{
	unsigned types = part->whole->how->types;
	return !types || (type < 32 && types >> type & 1);
}

static void make_header(struct part *part, int64_t later_ms)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	int64_t duration = part->whole->how->duration_ns;
	profile->sample_type = take(part, it->n_sample_type, sizeof(*profile->sample_type));
	if (part->failed)
		return;
	add_text(part, "", false);
	for (size_t i = 0; i < it->n_sample_type; i++)
		if (is_wanted(part, i))
			profile->sample_type[profile->n_sample_type++] =
			    type_of(part, it->sample_type[i]);
	if (it->period_type)
		profile->period_type = type_of(part, it->period_type);
	profile->period = it->period;
	profile->time_nanos =
	    (int64_t)((uint64_t)it->time_nanos + (uint64_t)(later_ms * CP_NS_IN_MS));
	if (duration < 0)
		duration = it->duration_nanos ? it->duration_nanos : part->whole->how->unsaid_ns;
	profile->duration_nanos = duration;
	profile->drop_frames = expression_of(part, it->drop_frames);
	profile->keep_frames = expression_of(part, it->keep_frames);
	profile->comment = take(part, it->n_comment, sizeof(*profile->comment));
	for (size_t i = 0; i < it->n_comment && !part->failed; i++)
		profile->comment[profile->n_comment++] = text_of(part, it->comment[i]);
}

/* How many frames are taken over, the one at the root that stands for the others not counted. */
static size_t depth_of(const struct part *part, const Cp__Sample *sample)
{
	size_t most = part->whole->how->depth;
	return sample->n_location_id > most && most ? most - 1 : sample->n_location_id;
}

/* Marks what the samples need: 1 is an id that is yet to be given. */
static void mark(struct part *part, uint32_t from, uint32_t to)
{
	const struct cp_cut_whole *whole = part->whole;
	const Cp__Profile *it = whole->it;
	for (uint32_t i = from; i < to; i++) {
		const Cp__Sample *sample = whole->samples[i];
		size_t depth = depth_of(part, sample);
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

static void make_mappings(struct part *part)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	profile->mapping =
	    take(part, give_ids(part->mappings, it->n_mapping), sizeof(*profile->mapping));
	for (size_t i = 0; i < it->n_mapping && !part->failed; i++) {
		Cp__Mapping *mapping = part->mappings[i] ? take(part, 1, sizeof(*mapping)) : NULL;
		if (!mapping)
			continue;
		*mapping = *it->mapping[i];
		mapping->base.n_unknown_fields = 0;
		mapping->id = part->mappings[i];
		mapping->filename = text_of(part, mapping->filename);
		mapping->build_id = text_of(part, mapping->build_id);
		profile->mapping[profile->n_mapping++] = mapping;
	}
}

static void make_functions(struct part *part)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	uint32_t count = give_ids(part->functions, it->n_function);
	profile->function = take(part, (size_t)count + 1, sizeof(*profile->function));
	for (size_t i = 0; i < it->n_function && !part->failed; i++) {
		Cp__Function *function =
		    part->functions[i] ? take(part, 1, sizeof(*function)) : NULL;
		if (!function)
			continue;
		*function = *it->function[i];
		function->base.n_unknown_fields = 0;
		function->id = part->functions[i];
		function->name = text_of(part, function->name);
		function->system_name = text_of(part, function->system_name);
		function->filename = text_of(part, function->filename);
		profile->function[profile->n_function++] = function;
	}
}

static void make_lines(struct part *part, Cp__Location *location, const Cp__Location *from)
{
	const struct cp_cut_whole *whole = part->whole;
	location->n_line = 0;
	location->line = take(part, from->n_line, sizeof(*location->line));
	for (size_t i = 0; i < from->n_line && !part->failed; i++) {
		uint32_t at = cp_cut_find(whole->functions, whole->it->n_function,
					  from->line[i]->function_id);
		Cp__Line *line = at == CP_CUT_NOWHERE ? NULL : take(part, 1, sizeof(*line));
		if (!line)
			continue;
		*line = *from->line[i];
		line->base.n_unknown_fields = 0;
		line->function_id = part->functions[at];
		location->line[location->n_line++] = line;
	}
}

/* The place that stands for a root that was cut off. */
static void make_cut(struct part *part)
{
	Cp__Profile *profile = &part->profile;
	Cp__Function *function = take(part, 1, sizeof(*function));
	Cp__Location *location = take(part, 1, sizeof(*location));
	Cp__Line *line = take(part, 1, sizeof(*line));
	Cp__Line **lines = take(part, 1, sizeof(Cp__Line *));
	if (part->failed)
		return;
	cp__function__init(function);
	cp__location__init(location);
	cp__line__init(line);
	function->id = line->function_id = profile->n_function + 1;
	function->name = function->system_name =
	    add_text(part, cp_word_text(CP_WORD_TRUNCATED), false);
	location->id = part->cut_id = profile->n_location + 1;
	lines[location->n_line++] = line;
	location->line = lines;
	profile->function[profile->n_function++] = function;
	profile->location[profile->n_location++] = location;
}

static void make_locations(struct part *part)
{
	const struct cp_cut_whole *whole = part->whole;
	const Cp__Profile *it = whole->it;
	Cp__Profile *profile = &part->profile;
	uint32_t count = give_ids(part->locations, it->n_location);
	profile->location = take(part, (size_t)count + 1, sizeof(*profile->location));
	for (size_t i = 0; i < it->n_location && !part->failed; i++) {
		Cp__Location *location =
		    part->locations[i] ? take(part, 1, sizeof(*location)) : NULL;
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

static void make_labels(struct part *part, Cp__Sample *sample, const Cp__Sample *from)
{
	sample->label = take(part, from->n_label, sizeof(*sample->label));
	for (size_t i = 0; i < from->n_label && !part->failed; i++) {
		bool bare = part->whole->how->bare && from->label[i]->str;
		int64_t key = bare ? 0 : text_of(part, from->label[i]->key);
		Cp__Label *label = key ? take(part, 1, sizeof(*label)) : NULL;
		if (!label)
			continue;
		*label = *from->label[i];
		label->base.n_unknown_fields = 0;
		label->key = key;
		label->str = text_of(part, label->str);
		label->num_unit = text_of(part, label->num_unit);
		sample->label[sample->n_label++] = label;
	}
}

static Cp__Sample *make_sample(struct part *part, const Cp__Sample *from)
{
	const struct cp_cut_whole *whole = part->whole;
	Cp__Sample *sample = take(part, 1, sizeof(*sample));
	size_t depth = depth_of(part, from);
	if (!sample)
		return NULL;
	cp__sample__init(sample);
	sample->location_id = take(part, depth + 1, sizeof(*sample->location_id));
	sample->value = take(part, from->n_value, sizeof(*sample->value));
	if (part->failed)
		return NULL;
	for (size_t i = 0; i < depth; i++) {
		uint32_t at =
		    cp_cut_find(whole->locations, whole->it->n_location, from->location_id[i]);
		if (at != CP_CUT_NOWHERE)
			sample->location_id[sample->n_location_id++] = part->locations[at];
	}
	if (depth < from->n_location_id)
		sample->location_id[sample->n_location_id++] = part->cut_id;
	for (size_t i = 0; i < from->n_value; i++)
		if (is_wanted(part, i))
			sample->value[sample->n_value++] = from->value[i];
	make_labels(part, sample, from);
	return sample;
}

static void make_strings(struct part *part)
{
	Cp__Profile *profile = &part->profile;
	profile->string_table = take(part, part->texts.count, sizeof(char *));
	for (uint32_t i = 0; i < part->texts.count && !part->failed; i++) {
		size_t len;
		const void *text = cp_intern_key(&part->texts, i, &len);
		profile->string_table[profile->n_string_table++] =
		    (char *)(uintptr_t)text; /* only read by pack */
	}
}

static int pack(struct part *part, struct cp_bytes *out)
{
	size_t size = part->failed ? 0 : cp__profile__get_packed_size(&part->profile);
	uint8_t *data = part->failed ? NULL : malloc(size ? size : 1);
	if (!data)
		return -ENOMEM;
	*out = (struct cp_bytes){data, cp__profile__pack(&part->profile, data)};
	return 0;
}

int cp_cut_part(const struct cp_cut_whole *whole, uint32_t from, uint32_t to, size_t text,
		int64_t later_ms, struct cp_bytes *out)
{
	const Cp__Profile *it = whole->it;
	struct part part = {.whole = whole, .text_most = text};
	cp__profile__init(&part.profile);
	cp_intern_init(&part.texts, UINT32_MAX / 8, 0);
	part.locations = take(&part, it->n_location, sizeof(uint32_t));
	part.functions = take(&part, it->n_function, sizeof(uint32_t));
	part.mappings = take(&part, it->n_mapping, sizeof(uint32_t));
	Cp__Sample **samples = take(&part, to - from, sizeof(*samples));
	if (!part.failed)
		make_header(&part, later_ms);
	if (!part.failed) {
		mark(&part, from, to);
		make_mappings(&part);
		make_functions(&part);
		make_locations(&part);
	}
	part.profile.sample = samples;
	for (uint32_t i = from; i < to && !part.failed; i++)
		samples[part.profile.n_sample++] = make_sample(&part, whole->samples[i]);
	make_strings(&part);
	int error = pack(&part, out);
	cp_intern_free(&part.texts);
	cp_arena_free(&part.memory);
	return error;
}
