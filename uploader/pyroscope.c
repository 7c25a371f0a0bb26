/* pyroscope.c - how Pyroscope wants profiles: push.v1.PusherService/Push. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/attrs.h"
#include "encoder/arena.h"
#include "push.pb-c.h"
#include "uploader/push.h"

/* One that it knows as native: of any other it guesses the language from the names of files, and
 * mends the stacks of what it takes for Go. */
#define SPY "pyroscope-rs"

static int add_labels(struct cp_arena *memory, const struct cp_series *common, const char *name,
		      Cp__PushSeries *out)
{
	struct cp_series series = *common;
	cp_series_add(&series, "__name__", name);
	cp_series_add(&series, "__delta__", "false");
	cp_series_add(&series, "pyroscope_spy", SPY);
	Cp__PushLabel *labels = cp_arena_take(memory, series.count * sizeof *labels);
	out->labels = cp_arena_take(memory, series.count * sizeof *out->labels);
	for (size_t i = 0; i < series.count && labels && out->labels; i++) {
		const struct cp_label *label = &series.labels[i];
		cp__push_label__init(&labels[i]);
		labels[i].name = cp_arena_text(memory, label->name, strlen(label->name));
		labels[i].value = cp_arena_text(memory, label->value, strlen(label->value));
		if (!labels[i].name || !labels[i].value)
			return -ENOMEM;
		out->labels[out->n_labels++] = &labels[i];
	}
	return out->n_labels ? 0 : -ENOMEM;
}

static Cp__PushSample *make_sample(struct cp_arena *memory, const struct cp_text *event,
				   const struct cp_piece *piece)
{
	Cp__PushSample *sample = cp_arena_take(memory, sizeof *sample);
	char *id = cp_arena_take(memory, 37);
	if (!sample || !id)
		return NULL;
	cp_push_uuid(event, piece, id);
	cp__push_sample__init(sample);
	sample->id = id;
	sample->raw_profile = (ProtobufCBinaryData){piece->bytes.len, piece->bytes.data};
	return sample;
}

/* A series for each profile; the parts of one are samples of the same. */
static int make(struct cp_arena *memory, const struct cp_series *common,
		const struct cp_piece *pieces, size_t count, const struct cp_text *event,
		Cp__PushRequest *request)
{
	Cp__PushSeries *series = NULL;
	request->series = cp_arena_take(memory, count * sizeof *request->series);
	for (size_t i = 0; i < count && request->series; i++) {
		if (!i || pieces[i].profile != pieces[i - 1].profile) {
			series = cp_arena_take(memory, sizeof *series);
			if (!series)
				return -ENOMEM;
			cp__push_series__init(series);
			series->samples = cp_arena_take(memory, count * sizeof *series->samples);
			if (!series->samples || add_labels(memory, common, pieces[i].name, series))
				return -ENOMEM;
			request->series[request->n_series++] = series;
		}
		series->samples[series->n_samples] = make_sample(memory, event, &pieces[i]);
		if (!series->samples[series->n_samples++])
			return -ENOMEM;
	}
	return request->series ? 0 : -ENOMEM;
}

static int body(const struct cp_series *common, const struct cp_piece *pieces, size_t count,
		const struct cp_text *event, struct cp_text *out)
{
	struct cp_arena memory CP_CLEANUP(cp_arena_free) = {0};
	Cp__PushRequest request = CP__PUSH_REQUEST__INIT;
	struct cp_bytes plain = {0}, packed = {0};
	int error = make(&memory, common, pieces, count, event, &request);
	if (error)
		return error;
	plain.data = malloc(cp__push_request__get_packed_size(&request));
	if (!plain.data)
		return -ENOMEM;
	plain.len = cp__push_request__pack(&request, plain.data);
	error = cp_gzip(&plain, &packed);
	free(plain.data);
	if (!error)
		*out = (struct cp_text){.data = (char *)packed.data, .len = packed.len};
	return error;
}

/* By its default limits: 4 MiB and 16,000 samples of a profile, 1000 frames, 65535 bytes of a name.
 * Less than 4 MiB since of all that comes in a second it takes 2 MiB at once: more than that in one
 * request would be turned away for ever. Text labels would make series of each thread. */
const struct cp_push_kind cp_pyroscope = {
    .cut = {.bytes = 1 << 20, .samples = 16000, .depth = 1000, .text = 65535, .bare = true},
    .request_max = 7 << 18,
    .names = CP_SERIES_DOTS,
    .type = "application/proto",
    .encoding = "Content-Encoding: gzip",
    .body = body,
};
