/* cutpart.c - some samples of a profile as a profile of their own, with what they need. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/batch.h"
#include "encoder/cutting.h"
#include "encoder/text.h"

#define CP_NS_IN_MS INT64_C(1000000)

/* Half a regular expression is worse than none. */
static int64_t expression_of(struct cp_cutting *part, int64_t index)
{
	const Cp__Profile *it = part->whole->it;
	if (index <= 0 || (uint64_t)index >= it->n_string_table ||
	    strlen(it->string_table[index]) > part->text_most)
		return 0;
	return cp_cutting_text(part, index);
}

/* A name of a type has no dash at Pyroscope. */
static Cp__ValueType *type_of(struct cp_cutting *part, const Cp__ValueType *from)
{
	const Cp__Profile *it = part->whole->it;
	Cp__ValueType *type = cp_cutting_take(part, 1, sizeof(*type));
	if (!type)
		return NULL;
	cp__value_type__init(type);
	int64_t texts[2] = {from->type, from->unit};
	for (int i = 0; i < 2; i++)
		texts[i] = texts[i] > 0 && (uint64_t)texts[i] < it->n_string_table
			       ? cp_cutting_add(part, it->string_table[texts[i]], true)
			       : 0;
	type->type = texts[0];
	type->unit = texts[1];
	return type;
}

static bool is_wanted(const struct cp_cutting *part, size_t type)
{
	unsigned types = part->whole->how->types;
	return !types || (type < 32 && types >> type & 1);
}

static void make_header(struct cp_cutting *part, int64_t later_ms)
{
	const Cp__Profile *it = part->whole->it;
	Cp__Profile *profile = &part->profile;
	int64_t duration = part->whole->how->duration_ns;
	profile->sample_type =
	    cp_cutting_take(part, it->n_sample_type, sizeof(*profile->sample_type));
	if (part->failed)
		return;
	cp_cutting_add(part, "", false);
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
	profile->comment = cp_cutting_take(part, it->n_comment, sizeof(*profile->comment));
	for (size_t i = 0; i < it->n_comment && !part->failed; i++)
		profile->comment[profile->n_comment++] = cp_cutting_text(part, it->comment[i]);
}

static void make_labels(struct cp_cutting *part, Cp__Sample *sample, const Cp__Sample *from)
{
	sample->label = cp_cutting_take(part, from->n_label, sizeof(*sample->label));
	for (size_t i = 0; i < from->n_label && !part->failed; i++) {
		bool bare = part->whole->how->bare && from->label[i]->str;
		int64_t key = bare ? 0 : cp_cutting_text(part, from->label[i]->key);
		Cp__Label *label = key ? cp_cutting_take(part, 1, sizeof(*label)) : NULL;
		if (!label)
			continue;
		*label = *from->label[i];
		label->base.n_unknown_fields = 0;
		label->key = key;
		label->str = cp_cutting_text(part, label->str);
		label->num_unit = cp_cutting_text(part, label->num_unit);
		sample->label[sample->n_label++] = label;
	}
}

static Cp__Sample *make_sample(struct cp_cutting *part, const Cp__Sample *from)
{
	const struct cp_cut_whole *whole = part->whole;
	Cp__Sample *sample = cp_cutting_take(part, 1, sizeof(*sample));
	size_t depth = cp_cutting_depth(part, from);
	if (!sample)
		return NULL;
	cp__sample__init(sample);
	sample->location_id = cp_cutting_take(part, depth + 1, sizeof(*sample->location_id));
	sample->value = cp_cutting_take(part, from->n_value, sizeof(*sample->value));
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

static void make_strings(struct cp_cutting *part)
{
	Cp__Profile *profile = &part->profile;
	profile->string_table = cp_cutting_take(part, part->texts.count, sizeof(char *));
	for (uint32_t i = 0; i < part->texts.count && !part->failed; i++) {
		size_t len;
		const void *text = cp_intern_key(&part->texts, i, &len);
		profile->string_table[profile->n_string_table++] =
		    (char *)(uintptr_t)text; /* only read by pack */
	}
}

static int pack(struct cp_cutting *part, struct cp_bytes *out)
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
	struct cp_cutting part = {.whole = whole, .text_most = text};
	cp__profile__init(&part.profile);
	cp_intern_init(&part.texts, UINT32_MAX / 8, 0);
	part.locations = cp_cutting_take(&part, it->n_location, sizeof(uint32_t));
	part.functions = cp_cutting_take(&part, it->n_function, sizeof(uint32_t));
	part.mappings = cp_cutting_take(&part, it->n_mapping, sizeof(uint32_t));
	Cp__Sample **samples = cp_cutting_take(&part, to - from, sizeof(*samples));
	if (!part.failed)
		make_header(&part, later_ms);
	if (!part.failed)
		cp_cutting_tables(&part, from, to);
	part.profile.sample = samples;
	for (uint32_t i = from; i < to && !part.failed; i++)
		samples[part.profile.n_sample++] = make_sample(&part, whole->samples[i]);
	make_strings(&part);
	int error = pack(&part, out);
	cp_intern_free(&part.texts);
	cp_arena_free(&part.memory);
	return error;
}
