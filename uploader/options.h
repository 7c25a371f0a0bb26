/* options.h - the command line of `conprof run`. */
/* SPDX-License-Identifier: MIT */
#pragma once

struct cp_options {
	char **command; /* what stands behind the options; NULL-terminated */
	int wait_s;	/* for the delivery after the end; --wait */
	int quiet;
};

/* Sets the environment as the options say. 0; or 2 after one line on stderr. */
int cp_options_parse(char **args, struct cp_options *options);
/* The lines of the help that list the settings. */
void cp_options_help(void);
