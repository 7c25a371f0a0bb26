/* cut.h - a profile as a server takes it: in parts that are small enough, its texts valid. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>

#include "encoder/encoder.h"

/* What a server takes. */
struct cp_cut {
	size_t bytes, samples; /* a part has at most so many; bytes: as bare protobuf */
	size_t depth;	       /* a stack has at most so many frames; its root is cut off */
	size_t text;	       /* a text has at most so many bytes */
	unsigned types;	       /* bits: which of the sample types are wanted; 0: all */
	bool bare;	       /* samples carry numbers as labels, but no texts */
	int64_t duration_ns;   /* what the parts say of it; -1: as the profile does, */
	int64_t unsaid_ns;     /* and this where that says nothing */
};

struct cp_parts {
	struct cp_bytes *all; /* bare protobuf, each a profile of its own */
	size_t count;
};

/* The parts of a file: bare, gzip or zstd. What its samples add up to, the parts' samples add up
 * to. Equal files are cut alike. Ids are 1, 2, 3 ... in the order of the tables, and a part has no
 * more in them than it needs, but for its first mapping, the program. All parts but the first are
 * later by a millisecond each: servers take two profiles of one moment for one. 0 or -errno
 * (-EBADMSG: it is no profile; -EFBIG). */
int cp_cut(const struct cp_bytes *file, const struct cp_cut *how, struct cp_parts *parts);
void cp_parts_free(struct cp_parts *parts);
