/* compress.c - a whole profile at once to gzip or zstd. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "encoder/encoder.h"

/* zstd's own default, and what Go's uploader uses. */
#define CP_ZSTD_LEVEL 3
/* zlib's window of 32 KiB, with a gzip header around it. */
#define CP_GZIP_WINDOW (15 + 16)

static int deflate_all(z_stream *stream, const struct cp_bytes *in, struct cp_bytes *out)
{
	size_t room = deflateBound(stream, in->len);
	uint8_t *data = room <= UINT_MAX ? malloc(room) : NULL;
	if (!data)
		return -ENOMEM;
	stream->next_in = in->data;
	stream->avail_in = (uInt)in->len;
	stream->next_out = data;
	stream->avail_out = (uInt)room;
	if (deflate(stream, Z_FINISH) != Z_STREAM_END) {
		free(data);
		return -EIO;
	}
	*out = (struct cp_bytes){data, room - stream->avail_out};
	return 0;
}

int cp_gzip(const struct cp_bytes *in, struct cp_bytes *out)
{
	z_stream stream = {0};
	*out = (struct cp_bytes){0};
	if (in->len > UINT_MAX)
		return -EFBIG;
	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, CP_GZIP_WINDOW, 8,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	int error = deflate_all(&stream, in, out);
	deflateEnd(&stream);
	return error;
}

int cp_zstd(const struct cp_bytes *in, struct cp_bytes *out)
{
	*out = (struct cp_bytes){0};
	size_t room = ZSTD_compressBound(in->len);
	if (ZSTD_isError(room))
		return -EFBIG;
	uint8_t *data = malloc(room);
	if (!data)
		return -ENOMEM;
	size_t len = ZSTD_compress(data, room, in->data, in->len, CP_ZSTD_LEVEL);
	if (ZSTD_isError(len)) {
		free(data);
		return -EIO;
	}
	*out = (struct cp_bytes){data, len};
	return 0;
}
