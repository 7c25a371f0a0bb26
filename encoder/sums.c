/* sums.c - what each function of a profile took, itself and with what it called. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/reading.h"

struct summing {
	struct cp_reader *reader;
	regex_t drop, keep;
	bool drops, keeps;
	uint32_t *stack; /* functions, root first */
	size_t room;
};

/* The name up to its arguments, as pprof matches it. */
static size_t bare_length(const char *name)
{
	static const char *const kept[] = {"(anonymous namespace)", "operator()"};
	size_t at = 0;
	for (;;) {
		at += strcspn(name + at, "(o");
		size_t before = at;
		for (size_t i = 0; i < 2; i++)
			if (!strncmp(name + at, kept[i], strlen(kept[i])))
				at += strlen(kept[i]);
		if (!name[at] || (name[at] == '(' && at == before && at))
			return at;
		at += at == before;
	}
}

static bool is_dropped(struct summing *summing, uint32_t function)
{
	struct cp_reader_entry *entry = cp_intern_value(&summing->reader->functions, function);
	char bare[4096];
	size_t len;
	if (entry->asked || !summing->drops)
		return entry->dropped;
	const char *name = cp_intern_key(&summing->reader->functions, function, &len);
	snprintf(bare, sizeof(bare), "%.*s", (int)len, name);
	bare[bare_length(bare)] = 0;
	entry->asked = true;
	entry->dropped = !regexec(&summing->drop, bare, 0, NULL, 0) &&
			 !(summing->keeps && !regexec(&summing->keep, bare, 0, NULL, 0));
	return entry->dropped;
}

static bool compile(const struct cp_reader *reader, int64_t text, regex_t *expression)
{
	char whole[8192];
	const char *given = cp_reader_text(reader, text);
	/* counts in counts would be written out by regcomp; no producer has any */
	if (strchr(given, '{'))
		return false;
	int len = snprintf(whole, sizeof(whole), "^(%s)$", given);
	return *given && len < (int)sizeof(whole) &&
	       !regcomp(expression, whole, REG_EXTENDED | REG_NOSUB);
}

static const Cp__Location *find_location(const struct cp_reader *reader, uint64_t id, uint32_t *at)
{
	size_t low = 0, high = reader->it->n_location;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (reader->it->location[reader->by_location_id[middle]]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == reader->it->n_location)
		return NULL;
	*at = reader->by_location_id[low];
	return reader->it->location[*at]->id == id ? reader->it->location[*at] : NULL;
}

static int push(struct summing *summing, size_t count, uint32_t function)
{
	if (count == summing->room) {
		size_t room = count ? count * 2 : 256;
		uint32_t *stack = realloc(summing->stack, room * sizeof(*stack));
		if (!stack)
			return -ENOMEM;
		summing->stack = stack;
		summing->room = room;
	}
	summing->stack[count] = function;
	return 0;
}

/* The sample's functions, root first; how many, or -ENOMEM. */
static ssize_t stack_of(struct summing *summing, const Cp__Sample *sample)
{
	const struct cp_reader *reader = summing->reader;
	size_t count = 0;
	bool seen = false;
	for (size_t i = sample->n_location_id; i--;) {
		uint32_t at;
		if (!find_location(reader, sample->location_id[i], &at))
			continue;
		for (uint32_t n = reader->of_location[at]; n < reader->of_location[at + 1]; n++) {
			bool dropped = is_dropped(summing, reader->names[n]);
			if (dropped && seen)
				return (ssize_t)count;
			seen = seen || !dropped;
			if (push(summing, count++, reader->names[n]))
				return -ENOMEM;
		}
	}
	return (ssize_t)count;
}

static int add_samples(struct summing *summing, size_t type, int64_t *whole)
{
	struct cp_reader *reader = summing->reader;
	for (size_t i = 0; i < reader->it->n_sample; i++) {
		const Cp__Sample *sample = reader->it->sample[i];
		int64_t value = type < sample->n_value ? sample->value[type] : 0;
		ssize_t count = value ? stack_of(summing, sample) : 0;
		if (count < 0)
			return -ENOMEM;
		/* what a damaged profile adds up to may be anything, but no error */
		*whole = (int64_t)((uint64_t)*whole + (uint64_t)value);
		reader->stacks++;
		for (ssize_t n = 0; n < count; n++) {
			struct cp_reader_entry *entry =
			    cp_intern_value(&reader->functions, summing->stack[n]);
			if (n == count - 1)
				entry->self = (int64_t)((uint64_t)entry->self + (uint64_t)value);
			if (entry->seen != reader->stacks)
				entry->total = (int64_t)((uint64_t)entry->total + (uint64_t)value);
			entry->seen = reader->stacks;
		}
	}
	return 0;
}

static int collect(struct cp_reader *reader, struct cp_function_sum **sums, size_t *count)
{
	*count = 0;
	*sums = calloc(reader->functions.count + 1, sizeof(**sums));
	if (!*sums)
		return -ENOMEM;
	for (uint32_t i = 0; i < reader->functions.count; i++) {
		struct cp_reader_entry *entry = cp_intern_value(&reader->functions, i);
		size_t len;
		const char *name = cp_intern_key(&reader->functions, i, &len);
		if (entry->self || entry->total)
			(*sums)[(*count)++] =
			    (struct cp_function_sum){name, entry->self, entry->total};
		entry->self = entry->total = 0;
	}
	return 0;
}

int cp_reader_sum(struct cp_reader *reader, size_t type, struct cp_function_sum **sums,
		  size_t *count, int64_t *whole)
{
	struct summing summing = {.reader = reader};
	summing.drops = compile(reader, reader->it->drop_frames, &summing.drop);
	summing.keeps = compile(reader, reader->it->keep_frames, &summing.keep);
	*whole = 0;
	int error = add_samples(&summing, type, whole);
	if (!error)
		error = collect(reader, sums, count);
	if (summing.drops)
		regfree(&summing.drop);
	if (summing.keeps)
		regfree(&summing.keep);
	free(summing.stack);
	return error;
}
