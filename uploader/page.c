/* page.c - puts profiles into the page that uploader/page/assemble.sh has put together. */
/* SPDX-License-Identifier: MIT */
#include "uploader/page.h"

#include <string.h>

#ifndef CP_PAGE /* the Makefile says where it is */
#define CP_PAGE "page.html"
#endif

/* The file as it is; the assembler knows how to include it, a compiler would have to parse it. */
__asm__(".section .rodata\n"
	".global cp_page_begin\n"
	"cp_page_begin:\n"
	".incbin \"" CP_PAGE "\"\n"
	".byte 0\n"
	".previous\n");
extern const char cp_page_begin[];

static void add_base64(struct cp_text *out, const struct cp_bytes *bytes)
{
	static const char letters[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (size_t i = 0; i < bytes->len; i += 3) {
		size_t left = bytes->len - i;
		uint32_t three = (uint32_t)bytes->data[i] << 16;
		three |= left > 1 ? (uint32_t)bytes->data[i + 1] << 8 : 0;
		three |= left > 2 ? bytes->data[i + 2] : 0;
		char four[4] = {letters[three >> 18], letters[three >> 12 & 63],
				left > 1 ? letters[three >> 6 & 63] : '=',
				left > 2 ? letters[three & 63] : '='};
		cp_text_add_bytes(out, four, sizeof four);
	}
}

static void add_moment(struct cp_text *out, const struct cp_page_moment *moment)
{
	cp_text_add(out, "{\"label\":");
	cp_text_add_json(out, moment->label);
	cp_text_add(out, ",\"profiles\":[");
	for (size_t i = 0; i < moment->count; i++) {
		cp_text_add(out, i ? ",{\"name\":" : "{\"name\":");
		cp_text_add_json(out, moment->profiles[i].name);
		cp_text_add(out, ",\"data\":\"");
		add_base64(out, &moment->profiles[i].bytes);
		cp_text_add(out, "\"}");
	}
	cp_text_add(out, "]}");
}

static const char mark[] = "@DATA@";

/* Up to the data; gives what follows them. */
static const char *begin(struct cp_text *out)
{
	const char *data = strstr(cp_page_begin, mark);
	cp_text_add_bytes(out, cp_page_begin, (size_t)(data - cp_page_begin));
	return data + sizeof mark - 1;
}

void cp_page_live(struct cp_text *out)
{
	const char *rest = begin(out);
	cp_text_add(out, "{\"live\":true}");
	cp_text_add(out, rest);
}

/* What a header can say besides, and a tag cannot: that no other page shows it in a frame. */
void cp_page_policy(struct cp_text *out)
{
	static const char before[] = "http-equiv=\"Content-Security-Policy\" content=\"";
	const char *policy = strstr(cp_page_begin, before) + sizeof before - 1;
	cp_text_add_bytes(out, policy, strcspn(policy, "\""));
	cp_text_add(out, "; frame-ancestors 'none'");
}

void cp_page_make(const struct cp_page_moment *moments, size_t count, int base, struct cp_text *out)
{
	const char *rest = begin(out);
	cp_text_addf(out, "{\"base\":%d,\"moments\":[", base);
	for (size_t i = 0; i < count; i++) {
		if (i)
			cp_text_add(out, ",");
		add_moment(out, &moments[i]);
	}
	cp_text_add(out, "]}");
	cp_text_add(out, rest);
}
