/* unpack.c - a profile's file as it was before it was packed: gzip, zstd, or neither; bounded. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "encoder/encoder.h"

/* Both kinds of header may be there. */
#define CP_ANY_WINDOW (15 + 32)
#define CP_STEP	      ((size_t)1 << 20)

static int grow(struct cp_bytes *out, size_t *room, size_t most)
{
	if (out->len < *room)
		return 0;
	size_t more = *room ? *room * 2 : CP_STEP;
	more = more < most ? more : most;
	uint8_t *data = more > *room ? realloc(out->data, more) : NULL;
	if (!data)
		return more > *room ? -ENOMEM : -EFBIG;
	out->data = data;
	*room = more;
	return 0;
}

static int inflate_all(z_stream *stream, struct cp_bytes *out, size_t most)
{
	size_t room = 0;
	for (int state = Z_OK; state != Z_STREAM_END;) {
		int error = grow(out, &room, most);
		if (error)
			return error;
		size_t step = room - out->len < CP_STEP ? room - out->len : CP_STEP;
		stream->next_out = out->data + out->len;
		stream->avail_out = (uInt)step;
		state = inflate(stream, Z_NO_FLUSH);
		out->len += step - stream->avail_out;
		/* all that there is was given at once: no progress means that it ends too early */
		if (state != Z_OK && state != Z_STREAM_END)
			return -EBADMSG;
	}
	return 0;
}

static int from_gzip(const struct cp_bytes *in, struct cp_bytes *out, size_t most)
{
	z_stream stream = {.next_in = in->data, .avail_in = (uInt)in->len};
	if (in->len > UINT32_MAX)
		return -EFBIG;
	if (inflateInit2(&stream, CP_ANY_WINDOW) != Z_OK)
		return -ENOMEM;
	int error = inflate_all(&stream, out, most);
	inflateEnd(&stream);
	return error;
}

static int from_zstd(const struct cp_bytes *in, struct cp_bytes *out, size_t most)
{
	ZSTD_DCtx *context = ZSTD_createDCtx();
	ZSTD_inBuffer from = {in->data, in->len, 0};
	size_t room = 0, left = 1;
	int error = context ? 0 : -ENOMEM;
	while (!error && left) {
		error = grow(out, &room, most);
		if (error)
			break;
		ZSTD_outBuffer to = {out->data, room, out->len};
		size_t before = from.pos + to.pos;
		left = ZSTD_decompressStream(context, &to, &from);
		out->len = to.pos;
		if (ZSTD_isError(left) || (left && from.pos + to.pos == before))
			error = -EBADMSG;
	}
	ZSTD_freeDCtx(context);
	return error;
}

int cp_unpack(const struct cp_bytes *in, struct cp_bytes *out, size_t most)
{
	static const uint8_t gzip[] = {0x1f, 0x8b}, zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	int error;
	*out = (struct cp_bytes){0};
	if (in->len >= sizeof gzip && !memcmp(in->data, gzip, sizeof gzip)) {
		error = from_gzip(in, out, most);
	} else if (in->len >= sizeof zstd && !memcmp(in->data, zstd, sizeof zstd)) {
		error = from_zstd(in, out, most);
	} else {
		if (in->len > most)
			return -EFBIG;
		out->data = malloc(in->len ? in->len : 1);
		error = out->data ? 0 : -ENOMEM;
		if (!error && in->len)
			memcpy(out->data, in->data, in->len);
		out->len = error ? 0 : in->len;
	}
	if (error) {
		free(out->data);
		*out = (struct cp_bytes){0};
	}
	return error;
}
