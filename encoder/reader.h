/* reader.h - a profile read back from a file, ours or another's: hostile input, bounded. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"

struct cp_reader;

/* Unpacks and checks a file's bytes. 0; -EBADMSG: not a profile, or damaged; -EFBIG: larger than
 * any profile of ours may be when unpacked; -ENOMEM. */
int cp_reader_open(const struct cp_bytes *file, struct cp_reader **reader);
void cp_reader_close(struct cp_reader *reader);

/* How many sample types there are, their names and units; "" outside. */
size_t cp_reader_types(const struct cp_reader *reader);
const char *cp_reader_type(const struct cp_reader *reader, size_t type);
const char *cp_reader_unit(const struct cp_reader *reader, size_t type);
/* The type that readers show first: the one the profile names, else the last. */
size_t cp_reader_first(const struct cp_reader *reader);

/* What time it is of, in ns; 0: it does not say. */
int64_t cp_reader_duration(const struct cp_reader *reader);

struct cp_function_sum {
	const char *name;    /* stands until the reader is closed */
	int64_t self, total; /* total: of stacks that have it, each counted once */
};
/* What each function took, in the type's unit; unsorted. sums is malloc'ed; whole is the sum of all
 * samples. 0, or -ENOMEM. Frames that the profile asks to drop are dropped, as pprof drops them. */
int cp_reader_sum(struct cp_reader *reader, size_t type, struct cp_function_sum **sums,
		  size_t *count, int64_t *whole);
