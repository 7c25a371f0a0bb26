/* beside.h - a program that needs another library preloaded, before or after what is there. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "test/harm/harm.h"

/* Begins the program anew with the library of this name, from the program's own folder, among the
 * preloaded ones; comes back in the new image. first: in front of the others. */
static inline void beside(char **argv, const char *name, int first)
{
	const char *others = getenv("LD_PRELOAD");
	char list[8192], *slash = strrchr(argv[0], '/');
	int folder = (int)(slash - argv[0]);

	if (getenv("HARM_BESIDE"))
		return;
	HARM_UNLESS(slash, "called without a path");
	if (!others)
		snprintf(list, sizeof list, "%.*s/%s", folder, argv[0], name);
	else if (first)
		snprintf(list, sizeof list, "%.*s/%s %s", folder, argv[0], name, others);
	else
		snprintf(list, sizeof list, "%s %.*s/%s", others, folder, argv[0], name);
	setenv("LD_PRELOAD", list, 1);
	setenv("HARM_BESIDE", "1", 1);
	execv(argv[0], argv);
	HARM_UNLESS(0, "no new beginning");
}
