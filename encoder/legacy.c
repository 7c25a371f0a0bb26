/* legacy.c - a profile as text, as Go's servers write it for ?debug=1. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "encoder/reading.h"

struct text {
	const struct cp_reader *reader;
	FILE *to;
};

/* One of the profile's; NULL: there is none of this number. */
static const Cp__Location *location_of(const struct text *text, uint64_t id)
{
	const Cp__Profile *it = text->reader->it;
	uint32_t low = 0, high = (uint32_t)it->n_location;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const Cp__Location *at = it->location[text->reader->by_location_id[middle]];
		if (at->id == id)
			return at;
		if (at->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The addresses as they were on the stack: behind the calls. */
static void add_addresses(const struct text *text, const Cp__Sample *sample)
{
	for (size_t i = 0; i < sample->n_location_id; i++) {
		const Cp__Location *at = location_of(text, sample->location_id[i]);
		fprintf(text->to, " %#" PRIx64, at && at->address ? at->address + 1 : 0);
	}
	fputs("\n", text->to);
}

static void add_labels(const struct text *text, const Cp__Sample *sample)
{
	const char *comma = "";
	for (size_t i = 0; i < sample->n_label; i++, comma = ", ") {
		const Cp__Label *label = sample->label[i];
		fprintf(text->to, "%s\"%s\":", *comma ? comma : "# labels: {",
			cp_reader_text(text->reader, label->key));
		if (label->str)
			fprintf(text->to, "\"%s\"", cp_reader_text(text->reader, label->str));
		else
			fprintf(text->to, "\"%" PRId64 "\"", label->num);
	}
	if (*comma)
		fputs("}\n", text->to);
}

/* Innermost first, as they are in the profile. */
static void add_frames(const struct text *text, const Cp__Sample *sample)
{
	for (size_t i = 0; i < sample->n_location_id; i++) {
		const Cp__Location *at = location_of(text, sample->location_id[i]);
		for (size_t n = 0; at && n < at->n_line; n++) {
			const Cp__Function *is =
			    cp_reader_function(text->reader, at->line[n]->function_id);
			if (!is)
				continue;
			fprintf(text->to, "#\t%#" PRIx64 "\t%s\t%s:%" PRId64 "\n", at->address,
				cp_reader_text(text->reader, is->name),
				cp_reader_text(text->reader, is->filename), at->line[n]->line);
		}
		if (at && !at->n_line)
			fprintf(text->to, "#\t%#" PRIx64 "\n", at->address);
	}
	fputs("\n", text->to);
}

static int64_t value_of(const Cp__Sample *sample, size_t type)
{
	return type < sample->n_value ? sample->value[type] : 0;
}

static int64_t total(const struct text *text, size_t type)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < text->reader->it->n_sample; i++)
		sum += (uint64_t)value_of(text->reader->it->sample[i], type);
	return (int64_t)sum;
}

/* Objects and bytes in use, then those allocated. What is sampled is scaled up already: readers
 * that would do it again are told of a rate of 1 ("heap/2": twice the rate, by tradition). */
static void add_heap(const struct text *text)
{
#define FOUR "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "] @"
	const Cp__Profile *it = text->reader->it;
	fprintf(text->to, "heap profile: " FOUR " heap/2\n", total(text, 2), total(text, 3),
		total(text, 0), total(text, 1));
	for (size_t i = 0; i < it->n_sample; i++) {
		const Cp__Sample *sample = it->sample[i];
		fprintf(text->to, FOUR, value_of(sample, 2), value_of(sample, 3),
			value_of(sample, 0), value_of(sample, 1));
		add_addresses(text, sample);
		add_labels(text, sample);
		add_frames(text, sample);
	}
}

static void add_counts(const struct text *text)
{
	const Cp__Profile *it = text->reader->it;
	fprintf(text->to, "%s profile: total %" PRId64 "\n", cp_reader_type(text->reader, 0),
		total(text, 0));
	for (size_t i = 0; i < it->n_sample; i++) {
		fprintf(text->to, "%" PRId64 " @", value_of(it->sample[i], 0));
		add_addresses(text, it->sample[i]);
		add_labels(text, it->sample[i]);
		add_frames(text, it->sample[i]);
	}
}

/* The largest first. */
static int by_last_value(const void *a, const void *b)
{
	const Cp__Sample *x = *(Cp__Sample *const *)a, *y = *(Cp__Sample *const *)b;
	int64_t of_x = x->n_value ? x->value[x->n_value - 1] : 0;
	int64_t of_y = y->n_value ? y->value[y->n_value - 1] : 0;
	return (of_x < of_y) - (of_x > of_y);
}

int cp_legacy_text(const struct cp_bytes *profile, enum cp_profile which, struct cp_bytes *out)
{
	struct cp_reader *reader;
	*out = (struct cp_bytes){0};
	int error = cp_reader_open(profile, &reader);
	if (error)
		return error;
	if (reader->it->n_sample)
		qsort(reader->it->sample, reader->it->n_sample, sizeof(*reader->it->sample),
		      by_last_value);
	char *data = NULL;
	struct text text = {reader, open_memstream(&data, &out->len)};
	if (text.to && which == CP_PROFILE_HEAP)
		add_heap(&text);
	else if (text.to)
		add_counts(&text);
	error = !text.to || fclose(text.to) ? -ENOMEM : 0;
	cp_reader_close(reader);
	if (error)
		free(data);
	else
		out->data = (uint8_t *)data;
	return error;
}
