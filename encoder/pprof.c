/* pprof.c - a batch as a pprof profile: types, samples, and the bytes. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/making.h"
#include "encoder/view.h"

struct type {
	const char *type, *unit;
};

/* Exactly Go's, in Go's order: readers show the last by default. */
static const struct {
	struct type samples[CP_SUMS];
	size_t count;
	struct type period;
} types[CP_PROFILES] = {
    [CP_PROFILE_HEAP] = {{{"alloc_objects", "count"},
			  {"alloc_space", "bytes"},
			  {"inuse_objects", "count"},
			  {"inuse_space", "bytes"}},
			 4,
			 {"space", "bytes"}},
    [CP_PROFILE_THREADS] = {{{"goroutine", "count"}}, 1, {"goroutine", "count"}},
    [CP_PROFILE_CPU] = {{{"samples", "count"}, {"cpu", "nanoseconds"}}, 2, {"cpu", "nanoseconds"}},
};

static Cp__ValueType *make_type(struct cp_making *making, const struct type *type)
{
	static const char made_threads[] = "threadcreate";
	bool is_made =
	    making->which == CP_PROFILE_THREADS && making->batch->show == CP_SHOW_THREADCREATE;
	Cp__ValueType *made = cp_making_take(making, 1, sizeof(*made));
	if (!made)
		return NULL;
	cp__value_type__init(made);
	made->type = cp_making_text(making, is_made ? made_threads : type->type);
	made->unit = cp_making_text(making, type->unit);
	return made;
}

static void make_header(struct cp_making *making, int64_t time_ns, int64_t duration_ns)
{
	Cp__Profile *profile = &making->profile;
	size_t count = types[making->which].count;
	cp_making_text(making, "");
	profile->drop_frames = cp_making_text(making, cp_drop_frames(making->which));
	profile->time_nanos = time_ns;
	profile->duration_nanos = duration_ns;
	profile->sample_type = cp_making_pointers(making, count);
	for (size_t i = 0; i < count && !making->error; i++)
		profile->sample_type[i] = make_type(making, &types[making->which].samples[i]);
	profile->n_sample_type = count;
	profile->period_type = make_type(making, &types[making->which].period);
	uint64_t period = making->batch->period[making->which];
	if (making->which == CP_PROFILE_THREADS)
		period = 1;
	if (making->which == CP_PROFILE_HEAP && making->batch->show == CP_SHOW_ALLOCS)
		profile->default_sample_type = cp_making_text(making, "alloc_space");
	profile->period = period < INT64_MAX ? (int64_t)period : INT64_MAX;
}

static int64_t signed_of(uint64_t value)
{
	return value < INT64_MAX ? (int64_t)value : INT64_MAX;
}

/* Where bytes are there is at least one object: a sample stands for one or more, but a recording
 * may say anything. */
static int64_t objects_of(const struct cp_sums *sums, int objects, int bytes)
{
	uint64_t whole = cp_objects(sums->n[objects], sums->rest[objects]);
	return signed_of(whole || !sums->n[bytes] ? whole : 1);
}

/* The values as they are written; whether there is any that is not 0. */
static bool values_of(enum cp_profile which, const struct cp_sums *sums, int64_t values[CP_SUMS])
{
	bool any = false;
	for (int i = 0; i < CP_SUMS; i++)
		values[i] = signed_of(sums->n[i]);
	if (which == CP_PROFILE_HEAP) {
		values[0] = objects_of(sums, 0, 1);
		values[2] = objects_of(sums, 2, 3);
	}
	for (size_t i = 0; i < types[which].count; i++)
		any = any || values[i];
	return any;
}

void cp_batch_whole(const struct cp_batch *batch, struct cp_whole *whole)
{
	const uint64_t *ticks = batch->samples[CP_PROFILE_CPU];
	*whole = (struct cp_whole){.recordings = batch->recordings};
	for (int which = 0; which < CP_PROFILES; which++) {
		const struct cp_intern *stacks = &batch->stacks[which];
		for (uint32_t i = 0; i < stacks->count; i++) {
			int64_t values[CP_SUMS];
			values_of((enum cp_profile)which, cp_intern_value(stacks, i), values);
			for (int n = 0; n < CP_SUMS; n++)
				cp_add(&whole->n[which][n], (uint64_t)values[n]);
		}
	}
	cp_add(&whole->ticks_ns, ticks[CP_PART_ALL]);
	cp_add(&whole->ticks_ns, ticks[CP_PART_LOST]);
	if (__builtin_mul_overflow(whole->ticks_ns, batch->tick_ns, &whole->ticks_ns))
		whole->ticks_ns = UINT64_MAX;
}

/* Gives ids to the places of all samples that are not all zero: first by mapping, then by address,
 * so that each module's files are opened once. */
static int by_mapping(const void *a, const void *b, void *places)
{
	const struct cp_place *x = cp_intern_value(places, *(const uint32_t *)a);
	const struct cp_place *y = cp_intern_value(places, *(const uint32_t *)b);
	if (x->mapping != y->mapping)
		return x->mapping > y->mapping ? 1 : -1;
	return (x->address > y->address) - (x->address < y->address);
}

static void mark_places(struct cp_making *making, uint32_t stack)
{
	size_t len;
	const uint32_t *words = cp_intern_key(&making->batch->stacks[making->which], stack, &len);
	for (size_t i = CP_STACK_HEAD; i < len / sizeof(*words); i++) {
		uint32_t *id = &making->place_ids[words[i]];
		if (!*id) {
			*id = 1;
			making->order[making->place_count++] = words[i];
		}
	}
}

/* How many samples there will be. */
static uint32_t number_places(struct cp_making *making)
{
	struct cp_batch *batch = making->batch;
	const struct cp_intern *stacks = &batch->stacks[making->which];
	uint32_t samples = 0;
	int64_t values[CP_SUMS];
	making->place_ids = cp_making_take(making, batch->places.count, sizeof(*making->place_ids));
	making->order = cp_making_take(making, batch->places.count, sizeof(*making->order));
	if (making->error)
		return 0;
	for (uint32_t i = 0; i < stacks->count; i++) {
		if (values_of(making->which, cp_intern_value(stacks, i), values)) {
			mark_places(making, i);
			samples++;
		}
	}
	qsort_r(making->order, making->place_count, sizeof(*making->order), by_mapping,
		&batch->places);
	for (uint32_t i = 0; i < making->place_count; i++)
		making->place_ids[making->order[i]] = i + 1;
	return samples;
}

/* One of text and number; neither is a label's absence. */
static void add_label(struct cp_making *making, Cp__Sample *sample, int key, const char *text,
		      int64_t number)
{
	Cp__Label *label = *text || number ? cp_making_take(making, 1, sizeof(*label)) : NULL;
	if (!label)
		return;
	cp__label__init(label);
	label->key = making->label_keys[key];
	label->str = cp_making_text(making, text);
	label->num = number;
	sample->label[sample->n_label++] = label;
}

static void add_labels(struct cp_making *making, Cp__Sample *sample, const uint32_t *words)
{
	static const struct cp_who nobody;
	const struct cp_who *who = &nobody;
	size_t len;
	if (words[1])
		who = cp_intern_key(&making->batch->whos, words[1] - 1, &len);
	sample->label = cp_making_pointers(making, CP_SAMPLE_LABELS);
	if (making->error)
		return;
	add_label(making, sample, CP_SAYS_PID, "", (int32_t)words[0]);
	add_label(making, sample, CP_SAYS_TID, "", who->tid);
	add_label(making, sample, CP_SAYS_THREAD, who->name, 0);
}

static Cp__Sample *make_sample(struct cp_making *making, uint32_t stack,
			       const int64_t values[CP_SUMS])
{
	size_t len, count = types[making->which].count;
	const uint32_t *words = cp_intern_key(&making->batch->stacks[making->which], stack, &len);
	Cp__Sample *sample = cp_making_take(making, 1, sizeof(*sample));
	if (!sample)
		return NULL;
	cp__sample__init(sample);
	size_t places = len / sizeof(*words) - CP_STACK_HEAD;
	sample->location_id = cp_making_take(making, places, sizeof(*sample->location_id));
	sample->value = cp_making_take(making, count, sizeof(*sample->value));
	if (making->error)
		return NULL;
	for (size_t i = 0; i < places; i++)
		sample->location_id[i] = making->place_ids[words[i + CP_STACK_HEAD]];
	memcpy(sample->value, values, count * sizeof(*values));
	sample->n_location_id = places;
	sample->n_value = count;
	add_labels(making, sample, words);
	return sample;
}

static void make_samples(struct cp_making *making, uint32_t count)
{
	const struct cp_intern *stacks = &making->batch->stacks[making->which];
	Cp__Profile *profile = &making->profile;
	making->label_keys[CP_SAYS_PID] = cp_making_text(making, "pid");
	making->label_keys[CP_SAYS_TID] = cp_making_text(making, "tid");
	making->label_keys[CP_SAYS_THREAD] = cp_making_text(making, "thread");
	profile->sample = cp_making_pointers(making, count);
	for (uint32_t i = 0; i < stacks->count && !making->error; i++) {
		int64_t values[CP_SUMS];
		if (values_of(making->which, cp_intern_value(stacks, i), values))
			profile->sample[profile->n_sample++] = make_sample(making, i, values);
	}
}

static void make_strings(struct cp_making *making)
{
	Cp__Profile *profile = &making->profile;
	size_t len;
	profile->string_table =
	    cp_making_take(making, making->strings.count, sizeof(*profile->string_table));
	for (uint32_t i = 0; i < making->strings.count && !making->error; i++) {
		const void *text = cp_intern_key(&making->strings, i, &len);
		profile->string_table[i] = (char *)(uintptr_t)text; /* only read by pack */
	}
	profile->n_string_table = making->strings.count;
}

static int pack(struct cp_making *making, struct cp_bytes *out)
{
	size_t size = making->error ? 0 : cp__profile__get_packed_size(&making->profile);
	if (making->error)
		return making->error;
	uint8_t *data = malloc(size ? size : 1);
	if (!data)
		return -ENOMEM;
	*out = (struct cp_bytes){data, cp__profile__pack(&making->profile, data)};
	return 0;
}

int cp_batch_encode(struct cp_batch *batch, enum cp_profile which, int64_t time_ns,
		    int64_t duration_ns, struct cp_bytes *out)
{
	*out = (struct cp_bytes){0};
	if ((unsigned)which >= CP_PROFILES)
		return -EINVAL;
	if (batch->together)
		cp_batch_settle_rests(batch, which);
	CP_CLEANUP(cp_making_free) struct cp_making making;
	cp_making_init(&making, batch, which);
	make_header(&making, time_ns, duration_ns);
	uint32_t samples = number_places(&making);
	if (!making.error)
		cp_making_locations(&making);
	if (!making.error)
		make_samples(&making, samples);
	cp_making_comments(&making);
	make_strings(&making);
	return pack(&making, out);
}
