/* chosen.h - of which of a family's programs and processes a request speaks. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/ask.h"

struct cp_chosen {
	struct cp_program *program;
	pid_t pid; /* 0: all processes of the program */
};

/* By the name in front of the path, or "", and by ?program= and ?pid=. 0; -ENOENT after the ask was
 * answered with 404. */
int cp_chosen_find(struct cp_family *family, struct cp_ask *ask, const char *name,
		   struct cp_chosen *chosen);
/* Whether it is one of these. */
int cp_chosen_has(const struct cp_chosen *chosen, const struct cp_member *member);
/* Which of these began first; NULL: none lives. */
struct cp_member *cp_chosen_first(const struct cp_family *family, const struct cp_chosen *chosen);
