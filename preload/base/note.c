/* note.c - one line of text in a fixed buffer, and out by write(2): no malloc, no stdio. */
/* SPDX-License-Identifier: MIT */
#include "base/note.h"

#include <string.h>
#include <unistd.h>

/* Room kept at the end for "...", the newline and the NUL. */
#define TAIL 5

void cp_line_bytes(struct cp_line *line, const char *bytes, size_t len)
{
	size_t room = CP_LINE_MAX - TAIL - line->len;

	if (line->cut)
		return;
	if (len > room) {
		memcpy(line->text + line->len, bytes, room);
		memcpy(line->text + line->len + room, "...", 4);
		line->len += room + 3;
		line->cut = 1;
		return;
	}
	memcpy(line->text + line->len, bytes, len);
	line->len += len;
	line->text[line->len] = '\0';
}

void cp_line_add(struct cp_line *line, const char *text)
{
	cp_line_bytes(line, text, strlen(text));
}

static void digits(struct cp_line *line, uint64_t number, unsigned base)
{
	char out[20];
	size_t at = sizeof out;

	do {
		out[--at] = "0123456789abcdef"[number % base];
		number /= base;
	} while (number);
	cp_line_bytes(line, out + at, sizeof out - at);
}

void cp_line_number(struct cp_line *line, uint64_t number)
{
	digits(line, number, 10);
}

void cp_line_hex(struct cp_line *line, uint64_t number)
{
	digits(line, number, 16);
}

void cp_line_quote(struct cp_line *line, const char *bytes, size_t len, size_t most)
{
	size_t shown = len > most ? most : len;
	unsigned char c;

	cp_line_add(line, "\"");
	for (size_t i = 0; i < shown; i++) {
		c = (unsigned char)bytes[i];
		cp_line_bytes(line, c < ' ' || c >= 0x7f || c == '"' ? "?" : &bytes[i], 1);
	}
	cp_line_add(line, shown < len ? "...\"" : "\"");
}

void cp_line_write(struct cp_line *line, int fd)
{
	ssize_t done;

	line->text[line->len] = '\n';
	done = write(fd, line->text, line->len + 1);
	(void)done;
	line->text[line->len] = '\0';
}
