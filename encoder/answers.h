/* answers.h - what has been looked up of one file: addresses to functions and lines, compactly. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/intern.h"

/* One function at an address. Empty texts and line 0: unknown. */
struct cp_line {
	const char *name, *system_name, *file;
	uint32_t line, start_line;
};

struct cp_lines {
	const struct cp_line *lines; /* innermost first */
	uint32_t count;
};

/* A function by its number, and where in it. */
struct cp_spot {
	uint32_t function, line;
};

/* All zero is empty, and takes no memory until the first answer. */
struct cp_answers {
	struct cp_intern addresses; /* value: struct answer */
	struct cp_intern functions; /* texts and first line are the key */
};

/* Texts longer than this are cut: no reader sees more, and templates can be made to explode. */
#define CP_NAME_MAX 4096u

/* The function's number; CP_NONE when memory is out. */
uint32_t cp_answers_function(struct cp_answers *answers, const struct cp_line *line);
/* turn 0: this is all there is to know; else when there was time for names alone. */
void cp_answers_put(struct cp_answers *answers, uint64_t address, const struct cp_spot *spots,
		    uint32_t count, uint32_t turn);
/* Fills at most room lines; how many, -1: the address is not known. Texts stay as long as the
 * answers. */
int cp_answers_get(const struct cp_answers *answers, uint64_t address, struct cp_line *lines,
		   uint32_t room, uint32_t *turn);
/* What malloc was asked for. */
size_t cp_answers_bytes(const struct cp_answers *answers);
void cp_answers_free(struct cp_answers *answers);
