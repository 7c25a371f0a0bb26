/* top_options.h - the command line of `conprof top`, and what kind of terminal it is in. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/top_view.h"

struct cp_top_options {
	const char *wanted; /* NULL: whatever there is */
	unsigned length_ms; /* of a look */
	long rounds;	    /* -1: no end */
};

/* What is chosen at first goes into the view. 0, or 2 after a line on stderr. */
int cp_top_options(int argc, char **argv, struct cp_top_options *options, struct cp_top_view *view);
/* Where there is no terminal one look is all, unless they say how many. */
void cp_top_look_around(struct cp_top_options *options, struct cp_top_view *view);
