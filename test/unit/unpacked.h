/* unpacked.h - a profile taken apart again, to be asked in a test. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "base/attrs.h"
#include "encoder/encoder.h"
#include "pprof.pb-c.h"

static CP_UNUSED Cp__Profile *unpack(struct cp_batch *batch, enum cp_profile which)
{
	struct cp_bytes bytes;
	if (cp_batch_encode(batch, which, 1000, 2000, &bytes))
		return NULL;
	Cp__Profile *profile = cp__profile__unpack(NULL, bytes.len, bytes.data);
	free(bytes.data);
	return profile;
}

static CP_UNUSED const char *text_of(const Cp__Profile *profile, int64_t index)
{
	return index >= 0 && (size_t)index < profile->n_string_table ? profile->string_table[index]
								     : "OUTSIDE";
}

static CP_UNUSED const Cp__Function *function_of(const Cp__Profile *profile, uint64_t location,
						 size_t line)
{
	const Cp__Location *it = profile->location[location - 1];
	return line < it->n_line ? profile->function[it->line[line]->function_id - 1] : NULL;
}

/* The name of the function at a frame of a sample; "" when it has none. */
static CP_UNUSED const char *frame_of(const Cp__Profile *profile, const Cp__Sample *sample,
				      size_t frame)
{
	const Cp__Function *function = frame < sample->n_location_id
					   ? function_of(profile, sample->location_id[frame], 0)
					   : NULL;
	return function ? text_of(profile, function->name) : "";
}

/* What google/pprof's CheckValid asks, dense ids, and every index inside. */
static CP_UNUSED int is_valid(const Cp__Profile *p)
{
	int good = p && p->n_string_table > 0 && !p->string_table[0][0] && p->period_type;
	for (size_t i = 0; good && i < p->n_mapping; i++)
		good = p->mapping[i]->id == i + 1 &&
		       strcmp(text_of(p, p->mapping[i]->filename), "OUTSIDE") != 0;
	for (size_t i = 0; good && i < p->n_function; i++)
		good = p->function[i]->id == i + 1 &&
		       strcmp(text_of(p, p->function[i]->name), "OUTSIDE") != 0;
	for (size_t i = 0; good && i < p->n_location; i++) {
		const Cp__Location *it = p->location[i];
		good = it->id == i + 1 && it->mapping_id <= p->n_mapping && it->address;
		if (good && it->mapping_id)
			good = it->address >= p->mapping[it->mapping_id - 1]->memory_start &&
			       it->address < p->mapping[it->mapping_id - 1]->memory_limit;
		for (size_t j = 0; good && j < it->n_line; j++)
			good = it->line[j]->function_id > 0 &&
			       it->line[j]->function_id <= p->n_function;
	}
	for (size_t i = 0; good && i < p->n_sample; i++) {
		good = p->sample[i]->n_value == p->n_sample_type && p->sample[i]->n_location_id;
		for (size_t j = 0; good && j < p->sample[i]->n_location_id; j++)
			good = p->sample[i]->location_id[j] > 0 &&
			       p->sample[i]->location_id[j] <= p->n_location;
	}
	return good;
}
