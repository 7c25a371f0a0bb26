/* addresses.c - what addresses of a process are called, by the way that profiles take. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/batch.h"
#include "encoder/reading.h"
#include "encoder/view.h"

static void close_places(struct cp_places *places)
{
	if (places->modules)
		cp_places_close(places);
}

/* Each is a stack of one place, of a process whose number is the address's, counted from 1. */
int cp_batch_addresses(struct cp_batch *batch, struct cp_view *view, pid_t pid,
		       const uint64_t *addresses, uint32_t count)
{
	CP_CLEANUP(close_places) struct cp_places places = {0};
	struct cp_recording *shared = cp_view_header(view);
	uint32_t epoch = atomic_load_explicit(&shared->epoch, memory_order_relaxed);
	cp_batch_note(batch, shared, CP_BIT(CP_PROFILE_THREADS));
	batch->has |= CP_BIT(CP_PROFILE_THREADS);
	int error = cp_places_open(&places, batch, view, pid);
	for (uint32_t i = 0; i < count && !error; i++) {
		uint32_t stack[CP_STACK_HEAD + 1] = {i + 1};
		stack[CP_STACK_HEAD] = cp_places_find(&places, addresses[i], epoch);
		if (stack[CP_STACK_HEAD] == CP_NONE)
			continue;
		struct cp_sums *sums =
		    cp_batch_sums(batch, CP_PROFILE_THREADS, stack, CP_STACK_HEAD + 1);
		if (sums)
			sums->n[0] = 1;
		else
			error = -ENOMEM;
	}
	return error;
}

/* The innermost function at the sample's only place; "": it has none. */
static const char *name_of(const struct cp_reader *reader, const Cp__Sample *sample)
{
	const Cp__Profile *it = reader->it;
	/* ours: locations are numbered from 1 on */
	uint64_t id = sample->n_location_id ? sample->location_id[0] : 0;
	const Cp__Location *at = id && id <= it->n_location ? it->location[id - 1] : NULL;
	const Cp__Function *is =
	    at && at->n_line ? cp_reader_function(reader, at->line[0]->function_id) : NULL;
	const char *name = is ? cp_reader_text(reader, is->name) : "";
	/* in brackets stands what is said of addresses that have none */
	return *name == '[' ? "" : name;
}

int cp_addresses_text(const struct cp_bytes *profile, const uint64_t *addresses, uint32_t count,
		      struct cp_bytes *out)
{
	struct cp_reader *reader;
	char *data = NULL;
	*out = (struct cp_bytes){0};
	int error = cp_reader_open(profile, &reader);
	if (error)
		return error;
	FILE *to = open_memstream(&data, &out->len);
	if (to)
		fputs("num_symbols: 1\n", to); /* for Go: whether there are any at all */
	for (size_t i = 0; to && i < reader->it->n_sample; i++) {
		const Cp__Sample *sample = reader->it->sample[i];
		int64_t number = sample->n_label ? sample->label[0]->num : 0;
		const char *name = name_of(reader, sample);
		if (*name && number > 0 && number <= count)
			fprintf(to, "%#" PRIx64 " %s\n", addresses[number - 1], name);
	}
	error = !to || fclose(to) ? -ENOMEM : 0;
	cp_reader_close(reader);
	if (error)
		free(data);
	else
		out->data = (uint8_t *)data;
	return error;
}
