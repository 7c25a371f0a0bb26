/* piece.h - a setting that is a list, taken apart at its commas. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

struct cp_piece {
	const char *text;
	size_t len;
};

/* The next piece between commas, without the blanks around it; 0 at the end. */
static inline int cp_piece_next(struct cp_piece *rest, struct cp_piece *out)
{
	size_t n = 0;

	if (!rest->text)
		return 0;
	while (n < rest->len && rest->text[n] != ',')
		n++;
	*out = (struct cp_piece){rest->text, n};
	*rest = n < rest->len ? (struct cp_piece){rest->text + n + 1, rest->len - n - 1}
			      : (struct cp_piece){NULL, 0};
	while (out->len && out->text[0] == ' ') {
		out->text++;
		out->len--;
	}
	while (out->len && out->text[out->len - 1] == ' ')
		out->len--;
	return 1;
}
