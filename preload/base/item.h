/* item.h - a setting that is a list, taken apart at its commas. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

struct cp_item {
	const char *text;
	size_t len;
};

/* The next piece between commas, without the blanks around it; 0 at the end. */
static inline int cp_item_next(struct cp_item *rest, struct cp_item *out)
{
	size_t n = 0;

	if (!rest->text)
		return 0;
	while (n < rest->len && rest->text[n] != ',')
		n++;
	*out = (struct cp_item){rest->text, n};
	*rest = n < rest->len ? (struct cp_item){rest->text + n + 1, rest->len - n - 1}
			      : (struct cp_item){NULL, 0};
	while (out->len && out->text[0] == ' ') {
		out->text++;
		out->len--;
	}
	while (out->len && out->text[out->len - 1] == ' ')
		out->len--;
	return 1;
}
