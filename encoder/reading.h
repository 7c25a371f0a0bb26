/* reading.h - a profile that is being read: shared by the files that do it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/intern.h"
#include "encoder/reader.h"
#include "pprof.pb-c.h"

struct cp_reader {
	Cp__Profile *it;
	struct cp_intern functions; /* by name; value: struct cp_reader_entry */
	uint32_t *of_location;	    /* by index: where its functions begin in `names` */
	uint32_t *names;	    /* a function's number in `functions`, the caller first */
	uint32_t *by_location_id;   /* sorted: indices of locations */
	uint64_t stacks;	    /* looked at so far, by all sums */
};

struct cp_reader_entry {
	uint64_t seen; /* the last stack that was added to its total */
	int64_t self, total;
	bool asked, dropped; /* what drop_frames says of it */
};

/* NULL: there is none of this number. */
const Cp__Function *cp_reader_function(const struct cp_reader *reader, uint64_t id);
/* The profile in a file, checked so far that it is one; cp__profile__free_unpacked(it, NULL). 0 or
 * -errno: as cp_reader_open. */
int cp_reading_take(const struct cp_bytes *file, Cp__Profile **it);

/* A text of the profile's table; "" outside. */
const char *cp_reader_text(const struct cp_reader *reader, int64_t index);
