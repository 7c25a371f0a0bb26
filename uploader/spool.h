/* spool.h - profiles that could not be delivered yet, each a file that `go tool pprof` opens.
 *
 * A larder: whoever can not be served now is kept here in readable jars, the oldest are thrown away
 * when it is full, and the next cook of the same house carries on serving from it. An entry is the
 * files of a folder (folder.h) with STEM.event.json beside them and, written last, STEM.send-to:
 * the destination, and the lock of whoever is sending it. Credentials are not kept. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/parcel.h"

struct cp_spool {
	char dir[512];
	uint64_t max_bytes;
};

/* Finds or makes the first usable directory: CONPROF_SPOOL_DIR alone when it is set, else
 * /var/spool/conprof, $XDG_STATE_HOME/conprof, $HOME/.local/state/conprof, /tmp/conprof-UID. It
 * must be a directory, not a link, be ours (or root's), and be writable. 0 or -errno. */
int cp_spool_open(struct cp_spool *spool, const struct cp_config *config);
/* Keeps a parcel. The oldest entries make room; dropped grows by how many did. 0 or -errno:
 * -EFBIG when it is larger than the cap on its own. */
int cp_spool_put(const struct cp_spool *spool, const struct cp_parcel *parcel, uint64_t *dropped);
/* Bytes kept, and how many entries; files of other users are not counted. */
uint64_t cp_spool_bytes(const struct cp_spool *spool, uint64_t *entries);

/* An entry taken for sending, so that no other uploader sends it. */
struct cp_claim {
	int fd;
	char stem[224];
};

/* The oldest entry for this destination into *parcel, whose config is the given one. 0; -ENOENT
 * when there is none that can be had. End with cp_spool_release. */
int cp_spool_claim(const struct cp_spool *spool, const struct cp_config *config,
		   struct cp_claim *claim, struct cp_parcel **parcel);
void cp_spool_release(const struct cp_spool *spool, struct cp_claim *claim, int sent);
