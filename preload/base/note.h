/* note.h - one line of text in a fixed buffer, and out by write(2): no malloc, no stdio. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* A line that is being composed. Start with {0}. What does not fit is cut off, and the line then
 * ends with "..."; it always ends with NUL. Any floor may compose lines; the memory is the
 * caller's. */
#define CP_LINE_MAX 512
struct cp_line {
	size_t len;
	int cut;
	char text[CP_LINE_MAX];
};

void cp_line_add(struct cp_line *line, const char *text);
void cp_line_bytes(struct cp_line *line, const char *bytes, size_t len);
void cp_line_number(struct cp_line *line, uint64_t number);
void cp_line_hex(struct cp_line *line, uint64_t number);

/* Text from outside, in quotes: control characters and quotes shown as '?', shortened to `most`
 * bytes. */
void cp_line_quote(struct cp_line *line, const char *bytes, size_t len, size_t most);

/* Adds the newline and writes the line in one piece, so that lines of several threads do not mix.
 * Signal-safe. What the descriptor refuses is lost. May change errno: the caller keeps it. */
void cp_line_write(struct cp_line *line, int fd);
