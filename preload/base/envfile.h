/* envfile.h - reads a file of KEY=value lines as systemd reads an EnvironmentFile, in place. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* The text of the file; it need not end with NUL or with a newline. */
struct cp_envfile {
	const char *text;
	size_t len;
};

/* No value is longer than the longest field of struct cp_config, with room to see that it is. */
#define CP_ENVFILE_VALUE 2100

/* One line that says something. Start with {0}. */
struct cp_envfile_line {
	size_t next;	   /* where the next line begins */
	size_t number;	   /* of this line, from 1 */
	const char *wrong; /* what is wrong with it, to be said after its number; NULL: nothing */
	const char *name;
	size_t name_len;
	const char *value; /* without quotes and blanks around it */
	size_t value_len;
	int escapes; /* a backslash takes the next character as it is */
};

/* Steps to the next line that is neither blank nor a comment; 0 at the end. Bytes that no text has
 * end the file there: that line is the last, and wrong. */
int cp_envfile_next(const struct cp_envfile *file, struct cp_envfile_line *line);

/* The value of the last line with this name, copied, cut to the buffer; its length, 0 when there is
 * none or it is empty. */
size_t cp_envfile_get(const struct cp_envfile *file, const char *name, char out[CP_ENVFILE_VALUE]);
