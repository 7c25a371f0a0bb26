/* mistakes.h - a setting's value that cannot be used: the one line that says so. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/note.h"
#include "base/settings.h"

/* A setting that has been found somewhere: under which name, with which text. */
struct cp_value {
	const struct cp_setting *setting;
	const char *name;
	const char *text;
	size_t len;
};

/* Where mistakes go. Counts all, tells the first CP_MISTAKES_TOLD. */
#define CP_MISTAKES_TOLD 20
struct cp_mistakes {
	void (*complain)(void *ctx, const char *line);
	void *ctx;
	int count;
};

/* Hands the line out, or, after the twentieth, only counts it. */
void cp_mistake(struct cp_mistakes *to, const struct cp_line *line);

/* conprof: NAME="value" - the beginning of a mistake's line. A secret is not shown, nor is what
 * stands before '@' in an address. */
void cp_mistake_begin(struct cp_line *line, const struct cp_value *value);

/* conprof: NAME="value" IS; using OTHERWISE - otherwise being the field's present content. */
void cp_mistake_refuse(struct cp_mistakes *to, const struct cp_config *config,
		       const struct cp_value *value, const char *is);
/* The same for a line that has been begun and says more than a word can. */
void cp_mistake_using(struct cp_mistakes *to, const struct cp_config *config,
		      const struct cp_value *value, struct cp_line *line);
