/* text.c - a growing text, and the ways things are written into one: JSON, UTF-8, times. */
/* SPDX-License-Identifier: MIT */
#include "uploader/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void cp_text_free(struct cp_text *text)
{
	free(text->data);
	*text = (struct cp_text){0};
}

static int reserve(struct cp_text *text, size_t more)
{
	if (text->failed)
		return 0;
	if (more < SIZE_MAX / 4 - text->len && text->len + more + 1 <= text->cap)
		return 1;
	size_t cap = text->cap ? text->cap : 256;
	while (cap < SIZE_MAX / 4 && cap < text->len + more + 1)
		cap *= 2;
	char *data = more < SIZE_MAX / 4 ? realloc(text->data, cap) : NULL;
	if (!data) {
		text->failed = 1;
		return 0;
	}
	text->data = data;
	text->cap = cap;
	return 1;
}

void cp_text_add_bytes(struct cp_text *text, const void *bytes, size_t len)
{
	if (!reserve(text, len))
		return;
	if (len)
		memcpy(text->data + text->len, bytes, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void cp_text_add(struct cp_text *text, const char *s)
{
	cp_text_add_bytes(text, s, strlen(s));
}

void cp_text_addf(struct cp_text *text, const char *format, ...)
{
	va_list args, again;
	va_start(args, format);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, format, args);
	if (len >= 0 && reserve(text, (size_t)len)) {
		vsnprintf(text->data + text->len, (size_t)len + 1, format, again);
		text->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void cp_text_add_field(struct cp_text *text, const char *key, const char *s)
{
	cp_text_addf(text, "\t%s=", key);
	size_t from = text->len;
	cp_text_add(text, s);
	for (size_t i = from; i < text->len; i++)
		if ((unsigned char)text->data[i] < 0x20 || text->data[i] == 0x7f)
			text->data[i] = '?';
}

/* Continuation bytes wanted after the first byte, and the range of the second one: that is where
 * overlong forms, surrogates and what lies beyond U+10FFFF are told from the rest. */
static size_t sequence(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
	if (first < 0x80)
		return 1;
	if (first >= 0xc2 && first <= 0xdf)
		return 2;
	if (first >= 0xe0 && first <= 0xef)
		return 3;
	return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}

size_t cp_text_utf8(const char *s)
{
	unsigned char low, high;
	size_t len = sequence((unsigned char)s[0], &low, &high);
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)s[i];
		if (c < (i == 1 ? low : 0x80) || c > (i == 1 ? high : 0xbf))
			return 0;
	}
	return len;
}

void cp_text_add_json(struct cp_text *text, const char *s)
{
	cp_text_add(text, "\"");
	while (*s) {
		size_t len = cp_text_utf8(s);
		unsigned char c = (unsigned char)*s;
		if (!len)
			cp_text_add(text, "\xef\xbf\xbd");
		else if (c == '"' || c == '\\')
			cp_text_addf(text, "\\%c", c);
		else if (c < 0x20 || c == '<' || c == '>' || c == '&' || c == 0x7f)
			cp_text_addf(text, "\\u%04x", c);
		else
			cp_text_add_bytes(text, s, len);
		s += len ? len : 1;
	}
	cp_text_add(text, "\"");
}

void cp_text_add_time(struct cp_text *text, int64_t realtime_ns)
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	long rest = (long)(realtime_ns % 1000000000);
	struct tm tm;
	char buffer[32];
	if (realtime_ns < 0 || !gmtime_r(&seconds, &tm))
		return cp_text_add(text, "1970-01-01T00:00:00Z");
	strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%S", &tm);
	cp_text_add(text, buffer);
	int digits = 9;
	while (digits && rest % 10 == 0) {
		rest /= 10;
		digits--;
	}
	if (digits)
		cp_text_addf(text, ".%0*ld", digits, rest);
	cp_text_add(text, "Z");
}

void cp_text_stamp(int64_t realtime_ns, char out[17])
{
	time_t seconds = (time_t)(realtime_ns / 1000000000);
	struct tm tm;
	if (realtime_ns < 0 || !gmtime_r(&seconds, &tm) ||
	    strftime(out, 17, "%Y%m%dT%H%M%SZ", &tm) != 16)
		memcpy(out, "19700101T000000Z", 17);
}

const char *cp_text_base(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

const char *cp_text_error(int error)
{
	const char *text = strerrordesc_np(error < 0 ? -error : error);
	return text ? text : "unknown error";
}

int64_t cp_text_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

uint64_t cp_text_monotonic(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

int cp_text_arrived(const char *command)
{
	int had_failed = ferror(stdout); /* then nobody knows any more of what */
	int fails = fflush(stdout);
	if (!had_failed && !fails)
		return 0;
	fprintf(stderr, "conprof%s%s: stdout: %s\n", *command ? " " : "", command,
		fails ? cp_text_error(errno) : "not all of it could be written");
	return 1;
}
