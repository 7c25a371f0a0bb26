/* secret.c - passwords inside addresses: taken out of what is shown, and told apart without them.
 */
/* SPDX-License-Identifier: MIT */
#include "base/secret.h"

#include <string.h>

#include "base/fields.h"

#define MASK "***"

struct out {
	char *text;
	size_t len, room;
};

static void add(struct out *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++, out->len++)
		if (out->len < out->room)
			out->text[out->len] = text[i];
}

/* Where the host begins, behind "://" and perhaps a password; 0: an '@' stands elsewhere. */
static size_t host_of(const char *text, size_t len, size_t from)
{
	size_t at = 0, end = from;

	for (size_t i = from; i < len; i++)
		if (text[i] == '@')
			at = i + 1;
	while (end < len && text[end] != '/' && text[end] != '?' && text[end] != '#')
		end++;
	return !at ? from : at <= end ? at : 0;
}

size_t cp_secret_mask(const char *text, size_t len, char *room, size_t size)
{
	struct out out = {room, 0, size};
	const char *slashes = memmem(text, len, "://", 3);
	size_t from = slashes ? (size_t)(slashes - text) + 3 : 0, host = from, name;
	int path = cp_text_begins(text, len, "unix:") || cp_text_begins(text, len, "dir:");

	if (!path)
		host = host_of(text, len, from);
	if (!host && (from || (len && memchr(text, '@', len))))
		return 0;
	add(&out, text, from);
	for (name = from; name < host && text[name] != ':';)
		name++;
	if (host > from) {
		add(&out, text + from, name < host ? name + 1 - from : 0);
		add(&out, MASK "@", sizeof MASK);
	}
	add(&out, text + host, len - host);
	if (out.len >= size)
		return 0;
	room[out.len] = 0;
	return out.len;
}

void cp_secret_urls(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to)
{
	const struct cp_setting *setting = value->setting;
	char shown[sizeof config->debuginfod_urls];
	size_t len = 0;

	for (size_t at = 0, end; at < value->len; at = end) {
		size_t n = 0;

		if (value->text[at] == ' ') {
			if (len + 1 < sizeof shown)
				shown[n++ + len] = ' ';
			end = at + 1;
		} else {
			for (end = at; end < value->len && value->text[end] != ' ';)
				end++;
			n = cp_secret_mask(value->text + at, end - at, shown + len,
					   sizeof shown - len);
		}
		if (!n) {
			cp_mistake_refuse(to, config, value,
					  "is too long, or has an @ in a wrong place");
			return;
		}
		len += n;
	}
	if (len != value->len || memcmp(shown, value->text, len) != 0)
		config->secrets |= setting->secret;
	cp_field_set_text(config, setting, shown, len);
}

uint64_t cp_secret_print(uint64_t print, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		print = (print ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return (print ^ len) * UINT64_C(0x9e3779b97f4a7c15) ^ print >> 32;
}
