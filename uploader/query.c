/* query.c - what a request's line asks for: its path, its parameters. */
/* SPDX-License-Identifier: MIT */
#include "uploader/query.h"

#include <string.h>

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int cp_query_unescape(char *text, int plus)
{
	char *out = text;
	for (const char *in = text; *in; in++) {
		char c = *in;
		if (c == '+' && plus)
			c = ' ';
		if (c == '%') {
			int high = digit(in[1]), low = high < 0 ? -1 : digit(in[2]);
			if (low < 0 || !(high | low))
				return -1;
			c = (char)(high << 4 | low);
			in += 2;
		}
		*out++ = c;
	}
	*out = '\0';
	return 0;
}

int cp_query_value(const char *query, const char *key, char *out, size_t out_len)
{
	size_t key_len = strlen(key);
	for (const char *at = query; *at;) {
		size_t len = strcspn(at, "&");
		size_t name = strcspn(at, "=&");
		if (name == key_len && memcmp(at, key, name) == 0) {
			size_t from = name < len ? name + 1 : len;
			if (len - from >= out_len)
				return 0;
			memcpy(out, at + from, len - from);
			out[len - from] = '\0';
			return !cp_query_unescape(out, 1);
		}
		at += len + (at[len] == '&');
	}
	return 0;
}

long long cp_query_number(const char *query, const char *key, long long otherwise)
{
	char text[32];
	long long number = 0;
	if (!cp_query_value(query, key, text, sizeof text))
		return otherwise;
	const char *at = text + (*text == '-' || *text == '+');
	size_t digits = strspn(at, "0123456789");
	if (!digits || digits > 18 || at[digits])
		return otherwise;
	for (; *at; at++)
		number = number * 10 + *at - '0';
	return *text == '-' ? -number : number;
}
