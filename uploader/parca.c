/* parca.c - how Parca wants profiles: WriteRaw, as JSON. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "base/attrs.h"
#include "uploader/push.h"

static void add_base64(struct cp_text *out, const struct cp_bytes *in)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < in->len; i += 3) {
		size_t left = in->len - i;
		unsigned bits = (unsigned)in->data[i] << 16 |
				(left > 1 ? (unsigned)in->data[i + 1] << 8 : 0) |
				(left > 2 ? in->data[i + 2] : 0);
		char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63],
				left > 1 ? digits[bits >> 6 & 63] : '=',
				left > 2 ? digits[bits & 63] : '='};
		cp_text_add_bytes(out, four, sizeof four);
	}
}

static void add_labels(struct cp_text *out, const struct cp_series *common, const char *name)
{
	struct cp_series series = *common;
	cp_series_add(&series, "__name__", name);
	cp_text_add(out, "{\"labels\":{\"labels\":[");
	for (size_t i = 0; i < series.count; i++) {
		cp_text_add(out, i ? ",{\"name\":" : "{\"name\":");
		cp_text_add_json(out, series.labels[i].name);
		cp_text_add(out, ",\"value\":");
		cp_text_add_json(out, series.labels[i].value);
		cp_text_add(out, "}");
	}
	cp_text_add(out, "]},\"samples\":[");
}

static int add_sample(struct cp_text *out, const struct cp_bytes *bytes)
{
	struct cp_bytes packed;
	int error = cp_gzip(bytes, &packed);
	if (error)
		return error;
	cp_text_add(out, "{\"rawProfile\":\"");
	add_base64(out, &packed);
	cp_text_add(out, "\"}");
	free(packed.data);
	return 0;
}

/* A series for each profile; the parts of one are samples of the same. */
static int body(const struct cp_series *series, const struct cp_piece *pieces, size_t count,
		const struct cp_text *event CP_UNUSED, struct cp_text *out)
{
	cp_text_add(out, "{\"series\":[");
	for (size_t i = 0; i < count; i++) {
		int same = i && pieces[i].profile == pieces[i - 1].profile &&
			   pieces[i].variant == pieces[i - 1].variant;
		if (!same && i)
			cp_text_add(out, "]},");
		if (same)
			cp_text_add(out, ",");
		else
			add_labels(out, series, pieces[i].name);
		int error = add_sample(out, &pieces[i].bytes);
		if (error)
			return error;
	}
	cp_text_add(out, "]}],\"normalized\":false}");
	return out->failed ? -ENOMEM : 0;
}

/* A message has at most 64 MiB there; stacks, texts and labels are its own affair. A duration makes
 * a profile one of a period, so what is of a moment has none. */
const struct cp_push_kind cp_parca = {
    .cut = {.bytes = 4 << 20, .samples = 1 << 20, .depth = 1000, .text = 65535},
    .request_max = 16 << 20,
    .splits_heap = 1,
    .type = "application/json",
    .body = body,
};
