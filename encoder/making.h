/* making.h - a profile in the making: shared by the files that write its parts. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/batch.h"
#include "pprof.pb-c.h"

enum { CP_SAYS_PID, CP_SAYS_TID, CP_SAYS_THREAD, CP_SAMPLE_LABELS };

/* Everything is in the arena and goes with it. */
struct cp_making {
	struct cp_batch *batch;
	enum cp_profile which;
	struct cp_arena memory;
	struct cp_intern strings;
	struct cp_intern functions; /* struct cp_function_key */
	uint32_t *place_ids;	    /* by number of the place; 0: not in this profile */
	uint32_t *mapping_ids;
	uint64_t code_mapping; /* id of that of code in no file; 0: none */
	uint32_t *order;       /* the profile's places, by id - 1 */
	uint32_t place_count;
	int64_t label_keys[CP_SAMPLE_LABELS];
	Cp__Profile profile;
	int error; /* -ENOMEM once memory was out */
};

struct cp_function_key {
	int64_t name, system_name, file, start_line;
};

void cp_making_init(struct cp_making *making, struct cp_batch *batch, enum cp_profile which);
void cp_making_free(struct cp_making *making);
/* Zeroed; NULL, and the error set, when memory is out. */
void *cp_making_take(struct cp_making *making, size_t count, size_t size);
/* An array of so many, as protobuf-c wants its messages. */
void *cp_making_pointers(struct cp_making *making, size_t count);
/* The text's index; cleaned on the way. */
int64_t cp_making_text(struct cp_making *making, const char *text);

/* locations.c: mappings, locations and functions of all places that have an id. */
void cp_making_locations(struct cp_making *making);
/* flags.c: once all locations are there, those of a mapping after each other. */
void cp_making_flags(struct cp_making *making);
/* drop.c: a regular expression of whole names; empty: none. */
const char *cp_drop_frames(enum cp_profile which);
/* comments.c */
void cp_making_comments(struct cp_making *making);
