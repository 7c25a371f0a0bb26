/* spool.h - profiles that are not delivered yet, each a file that `go tool pprof` opens.
 *
 * A larder: what is made is put here first, in readable jars, and taken out when it has been
 * served; whoever can not be served now is served later, the oldest are thrown away when it is
 * full, and the next cook of the same house carries on serving from it.
 *
 * An entry is the files of a folder (folder.h), a mark for each destination that has not got it
 * (mark.h), and, given its name when all else is there, STEM.event.json. Credentials are not kept.
 * What is needed of an entry goes in the opposite order: its marks, its profiles, its event. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/mark.h"
#include "uploader/parcel.h"

struct cp_spool {
	char dir[512];
	uint64_t max_bytes;
	uint64_t max_age_s; /* 0: none */
	/* what these calls have dropped: for want of room, for its age, set aside as damaged; and
	 * what a writer had left when he was killed, which was no entry yet */
	uint64_t full, old, damaged, unfinished;
	char last[CP_STEM]; /* the last damaged one */
};

/* Finds or makes the first usable directory: CONPROF_SPOOL_DIR alone when it is set, else
 * /var/spool/conprof, $XDG_STATE_HOME/conprof, $HOME/.local/state/conprof, /tmp/conprof-UID. It
 * must be a directory, not a link, be ours (or root's), and be writable. One that is a destination,
 * too, has the spool in a folder of its own, DIR/spool: what has arrived and what waits have the
 * same names. 0 or -errno. */
int cp_spool_open(struct cp_spool *spool, const struct cp_config *config);
/* Whether a path leads to the spool, by whichever name. Looks at it, which may take long. */
int cp_spool_is(const struct cp_config *config, const char *path);

/* An entry held for one destination, so that no other uploader sends it. */
struct cp_claim {
	int fd;	 /* of its mark; -1: none */
	int dir; /* of the spool, so that after the sending no call is lost on finding it */
	char stem[CP_STEM];
	uint64_t number; /* of the destination's mark, and of all marks that the entry had */
	uint64_t numbers[CP_DESTINATIONS + 1];
	unsigned count;
};

/* Keeps a parcel for count destinations, held for each: claims has count places. sync: it has come
 * to the disk when this returns; else it is safe from the end of our process alone. The oldest
 * entries make room. 0 or -errno: -EFBIG when it is larger than the cap on its own. */
int cp_spool_put(struct cp_spool *spool, const struct cp_parcel *parcel,
		 char (*to)[CP_DESTINATION_LEN + 1], unsigned count, int sync,
		 struct cp_claim *claims);
/* Whether an entry of this name is there, or was when another uploader than the one that put it
 * there took it to be delivered: that is noted, for an hour. */
int cp_spool_knows(const struct cp_spool *spool, const char *stem);
/* Brings a held entry to the disk. 0 or -errno. */
int cp_spool_settle(const struct cp_claim *claim);
/* Bytes kept, how many entries, and how many of them have a mark of this number. */
uint64_t cp_spool_bytes(const struct cp_spool *spool, uint64_t *entries);
uint64_t cp_spool_waiting(const struct cp_spool *spool, uint64_t number);
/* The oldest entry for this destination into *parcel, whose config is the given one. 0; -ENOENT
 * when there is none that can be had. End with cp_spool_release. */
int cp_spool_claim(struct cp_spool *spool, const struct cp_config *config, const char *to,
		   struct cp_claim *claim, struct cp_parcel **parcel);
/* Whether the mark is still there. */
int cp_spool_holds(const struct cp_claim *claim);
/* over: the destination has it, or will not have it; the entry goes with its last mark. */
void cp_spool_release(struct cp_claim *claim, int over);
