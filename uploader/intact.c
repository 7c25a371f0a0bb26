/* intact.c - whether what is read back is what was written. */
/* SPDX-License-Identifier: MIT */
#include "uploader/intact.h"

#include <string.h>
#include <zlib.h>

#include "uploader/request.h"

#define UNPACKED_MAX (UINT64_C(1) << 30) /* no profile of ours is so large */
#define DEPTH_MAX    32u

int cp_intact_gzip(const uint8_t *data, size_t len)
{
	uint8_t out[16384];
	z_stream z = {.next_in = (Bytef *)data, .avail_in = (uInt)len};
	if (len > UINT32_MAX ||
	    inflateInit2(&z, 15 + 16) != Z_OK) /* 16: gzip, its sum is checked */
		return 0;
	int status = Z_OK;
	while (status == Z_OK && z.total_out < UNPACKED_MAX) {
		z.next_out = out;
		z.avail_out = sizeof out;
		status = inflate(&z, Z_NO_FLUSH);
	}
	int whole = status == Z_STREAM_END && z.avail_in == 0;
	inflateEnd(&z);
	return whole;
}

/* The place behind the string that begins at i; 0 when it does not end or holds what none may. */
static size_t after_string(const char *text, size_t len, size_t i)
{
	for (i++; i < len && (unsigned char)text[i] >= ' '; i++) {
		if (text[i] == '"')
			return i + 1;
		if (text[i] == '\\' && (++i == len || !strchr("\"\\/bfnrtu", text[i]) || !text[i]))
			return 0;
	}
	return 0;
}

/* The place behind the value that begins with a bracket at 0; 0 when there is no end to it. */
static size_t after_object(const char *text, size_t len)
{
	char open[DEPTH_MAX];
	unsigned depth = 0;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		if (c == '{' || c == '[') {
			if (depth == DEPTH_MAX)
				return 0;
			open[depth++] = c == '{' ? '}' : ']';
		} else if (c == '}' || c == ']') {
			if (open[--depth] != c)
				return 0;
			if (!depth)
				return i + 1;
		} else if (c == '"') {
			i = after_string(text, len, i);
			if (!i--)
				return 0;
		} else if (c == '\0') {
			return 0;
		}
	}
	return 0;
}

int cp_intact_event(const char *text, size_t len)
{
	size_t end = len && text[0] == '{' ? after_object(text, len) : 0;
	return end && strspn(text + end, " \r\n") == len - end;
}

int cp_intact_set(const char *event, unsigned profiles)
{
	const char *list = strstr(event, "\"attachments\":[");
	const char *end = list ? strchr(list, ']') : NULL;
	for (int i = 0; i < CP_PROFILES && end; i++) {
		const char *name = cp_request_name((enum cp_profile)i);
		const char *at = strstr(list, name);
		while (at && at < end && at[-1] != '"')
			at = strstr(at + 1, name);
		if (at && at < end && !(profiles & CP_BIT(i)))
			return 0;
	}
	return 1;
}
