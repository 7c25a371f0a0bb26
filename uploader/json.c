/* json.c - one text out of a JSON object: what is around it is only passed over. */
/* SPDX-License-Identifier: MIT */
#include "uploader/json.h"

#include <string.h>

struct json {
	const char *at, *end;
};

static void skip_blanks(struct json *json)
{
	static const char blanks[] = {' ', '\t', '\r', '\n'};
	while (json->at < json->end && memchr(blanks, *json->at, sizeof blanks))
		json->at++;
}

static int skip(struct json *json, char c)
{
	skip_blanks(json);
	if (json->at == json->end || *json->at != c)
		return 0;
	json->at++;
	return 1;
}

/* A string's inside, escapes and all; 0 when there is none. */
static int raw_string(struct json *json, struct json *inside)
{
	if (!skip(json, '"'))
		return 0;
	inside->at = json->at;
	while (json->at < json->end && *json->at != '"')
		json->at += *json->at == '\\' && json->at + 1 < json->end ? 2 : 1;
	if (json->at >= json->end)
		return 0;
	inside->end = json->at++;
	return 1;
}

/* Any value: up to the comma or the brace that ends it. */
static int skip_value(struct json *json)
{
	struct json inside;
	unsigned depth = 0;
	for (;;) {
		skip_blanks(json);
		if (json->at == json->end)
			return 0;
		char c = *json->at;
		if (!depth && (c == ',' || c == '}'))
			return 1;
		if (c == '"') {
			if (!raw_string(json, &inside))
				return 0;
			continue;
		}
		if (c == '{' || c == '[')
			depth++;
		if ((c == '}' || c == ']') && depth-- == 0)
			return 0;
		json->at++;
	}
}

static int hex4(const struct json *json, unsigned *value)
{
	if (json->end - json->at < 4)
		return 0;
	*value = 0;
	for (int i = 0; i < 4; i++) {
		char c = json->at[i], low = (char)(c | 0x20);
		int digit = c >= '0' && c <= '9' ? c - '0' : -1;
		if (low >= 'a' && low <= 'f')
			digit = low - 'a' + 10;
		if (digit < 0)
			return 0;
		*value = *value * 16 + (unsigned)digit;
	}
	return 1;
}

static void add_utf8(struct cp_text *out, unsigned c)
{
	char bytes[4];
	size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	for (size_t i = len - 1; i > 0; i--, c >>= 6)
		bytes[i] = (char)(0x80 | (c & 0x3f));
	bytes[0] = (char)(first[len] | c);
	cp_text_add_bytes(out, bytes, len);
}

/* What stands behind \u, and the second half of a pair; what is no character is U+FFFD. */
static int add_unicode(struct cp_text *out, struct json *json)
{
	unsigned c, low;
	if (!hex4(json, &c))
		return 0;
	json->at += 4;
	if (c >= 0xd800 && c < 0xdc00 && json->end - json->at >= 6 && json->at[0] == '\\' &&
	    json->at[1] == 'u') {
		struct json next = {json->at + 2, json->end};
		if (hex4(&next, &low) && low >= 0xdc00 && low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			json->at += 6;
		}
	}
	if (!c || (c >= 0xd800 && c < 0xe000))
		c = 0xfffd;
	add_utf8(out, c);
	return 1;
}

static int add_escape(struct cp_text *out, struct json *json)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = *json->at++;
	const char *found = memchr(from, c, sizeof from - 1);
	if (found)
		cp_text_add_bytes(out, &to[found - from], 1);
	return found || (c == 'u' && add_unicode(out, json));
}

static int decode(struct json inside, struct cp_text *out)
{
	size_t before = out->len;
	int fine = 1;
	cp_text_add(out, ""); /* an empty one is a text, too */
	while (fine && inside.at < inside.end) {
		char c = *inside.at++;
		if (c == '\\' && inside.at < inside.end)
			fine = add_escape(out, &inside);
		else
			cp_text_add_bytes(out, c ? &c : "?", 1);
	}
	if (!fine && out->data) {
		out->len = before;
		out->data[before] = '\0';
	}
	return fine && !out->failed;
}

int cp_json_text(const char *json, size_t len, const char *key, struct cp_text *out)
{
	struct json at = {json, json + len}, name, inside;
	if (!skip(&at, '{'))
		return 0;
	while (raw_string(&at, &name) && skip(&at, ':')) {
		int is = (size_t)(name.end - name.at) == strlen(key) &&
			 memcmp(name.at, key, strlen(key)) == 0;
		skip_blanks(&at);
		if (is && at.at < at.end && *at.at == '"')
			return raw_string(&at, &inside) && decode(inside, out);
		if (is || !skip_value(&at) || !skip(&at, ','))
			return 0;
	}
	return 0;
}
