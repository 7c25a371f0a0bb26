/* heard.h - settings from a few variables and a file, and what is said of them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "test/unit/unit.h"

/* What the parser said, all lines together. */
struct heard {
	int lines;
	char text[16384];
};

static void hear(void *ctx, const char *line)
{
	struct heard *heard = ctx;
	size_t len = strlen(heard->text);

	heard->lines++;
	snprintf(heard->text + len, sizeof heard->text - len, "%s\n", line);
}

static int apply(struct cp_config *config, const char *env1, const char *env2, const char *file,
		 struct heard *heard)
{
	const char *env[] = {"HOME=/", env1, env2, NULL};

	memset(heard, 0, sizeof *heard);
	return cp_settings_apply(config, env, file, file ? strlen(file) : 0, hear, heard);
}

/* A variable or a file, the text its field must then hold, the line that must be said. */
struct text_row {
	const char *env;
	size_t at;
	const char *want;
	const char *line;
};
