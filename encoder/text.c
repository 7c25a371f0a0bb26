/* text.c - strings that every reader accepts: one bad byte makes Pyroscope refuse a profile. */
/* SPDX-License-Identifier: MIT */
#include "encoder/text.h"

#include <stdint.h>

/* The length of the UTF-8 sequence here; 0 when it is none (too long a form, surrogates, above
 * U+10FFFF, cut off). */
static size_t sequence(const uint8_t *at, size_t left)
{
	uint8_t first = at[0];
	size_t len = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
	if (!len || first > 0xf4 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ||
	    (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

void cp_text_clean(char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t step = sequence((const uint8_t *)text + i, len - i);
		if (!step || (step == 1 && ((uint8_t)text[i] < 0x20 || text[i] == 0x7f))) {
			text[i] = '?';
			step = 1;
		}
		i += step;
	}
}
