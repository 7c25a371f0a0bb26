/* shelf.h - the entries of a spool directory, oldest first. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"
#include "uploader/mark.h"

#define CP_SHELF_EVENT ".event.json"
/* What the event is called until all else is there; whoever writes it holds it. */
#define CP_SHELF_PART ".event.json.part"
/* Of a destination that fails (patience.h), with 16 hex digits behind it. */
#define CP_SHELF_NOTE "retry."

struct cp_shelf_entry {
	char stem[CP_STEM];
	char stamp[17];
	uint64_t seq;
	uint64_t bytes;			       /* of all its files */
	unsigned marks;			       /* destinations that have not got it */
	uint64_t numbers[CP_DESTINATIONS + 1]; /* theirs (mark.h) */
	unsigned event, part; /* its event is there, as such or as what becomes one */
	unsigned odd;	      /* so many files that are none */
	int64_t newest;	      /* the last time that one of them was written to, in seconds */
};

struct cp_shelf {
	/* count that are complete, oldest first; then rest of which only parts are there */
	struct cp_shelf_entry *entries;
	size_t count, rest, room;
	uint64_t bytes; /* of them all */
	int64_t note; /* the last write to the note that is oldest, in seconds; 0: there is none */
};

/* Reads the directory: our own files whose names are those of an entry. 0 or -errno. */
int cp_shelf_read(struct cp_shelf *shelf, int dir);
/* The entry of this stem, or NULL. */
const struct cp_shelf_entry *cp_shelf_find(const struct cp_shelf *shelf, const char *stem);
/* Calls each with every name in the directory that belongs to this stem, temporary ones included.
 */
void cp_shelf_each(int dir, const char *stem, void (*each)(int dir, const char *name, void *arg),
		   void *arg);
void cp_shelf_free(struct cp_shelf *shelf); /* fits CP_CLEANUP */
/* Whether a mark is there: one of these, or, at a second look, any that came later. */
int cp_shelf_has_mark(int dir, const char *stem, const uint64_t *numbers, unsigned count);
/* How many marks of this number there are: of all files only they are looked at. */
uint64_t cp_shelf_marks(int dir, uint64_t number);
int cp_shelf_has_event(int dir, const char *stem);
/* All files of an entry: its marks first, so that nobody takes it; its event last, so that profiles
 * without one are a dead writer's. */
void cp_shelf_remove(int dir, const char *stem, const uint64_t *numbers, unsigned count);
/* The notes that nobody has written to since then. */
void cp_shelf_drop_notes(int dir, int64_t since);
/* Bytes of its profiles and of its event, complete or in part. */
uint64_t cp_shelf_size(int dir, const char *stem);
