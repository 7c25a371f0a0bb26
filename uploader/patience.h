/* patience.h - how long to wait for a destination, for the next uploader: a file in the spool.
 *
 * A note on the larder's door: "nobody was at home the last seven times, not before noon". Whoever
 * comes new need not find out for himself, and whoever was let in takes the note down. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/retry.h"
#include "uploader/spool.h"

#define CP_PATIENCE_MAX 700

/* Pure. The note's text; its length. Without credentials: shown is what people may see. */
size_t cp_patience_write(const struct cp_retry *retry, uint64_t now_ns, int64_t realtime_ns,
			 const char *shown, char out[CP_PATIENCE_MAX]);
/* Pure. text ends with NUL. 1 when it is a note; a time too far away is brought near. */
int cp_patience_read(const char *text, uint64_t now_ns, int64_t realtime_ns,
		     struct cp_retry *retry);

/* What is known of the destination; failures 0: nothing. */
void cp_patience_load(const struct cp_spool *spool, const char *to, struct cp_retry *retry);
/* 0 or -errno. No failures: the note is taken down. */
int cp_patience_save(const struct cp_spool *spool, const char *to, const struct cp_retry *retry);
