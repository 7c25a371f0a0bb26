/* encoding.h - the thread that makes profiles of snapshots, so that the symbols of a large binary
 * delay neither who joins nor who ends nor another program.
 *
 * A darkroom: films are handed in at the door, one after the other is developed, and the prints go
 * to the mailroom (delivery.h). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/delivery.h"
#include "uploader/request.h"

struct cp_encoding;

/* Gets the profiles that were asked for, those that could be made; what it keeps it sets to NULL.
 * error: 0, -ENOMEM, or -ECANCELED: there are none. */
typedef void cp_film_deliver(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error);

/* What is to be made of a batch: parcel holds all but its profiles and its event. */
struct cp_film {
	struct cp_film *next;
	struct cp_batch *batch;
	struct cp_parcel *parcel;
	struct cp_event event; /* all but the profiles */
	unsigned profiles;     /* CP_BIT()s of those that are wanted */
	int64_t time_ns[CP_PROFILES], duration_ns[CP_PROFILES];
	int apart; /* of one process that died: the period of its program goes on meanwhile */
	/* of a film that somebody asked for (tap.h): there is no event, and nothing to be sent */
	cp_film_deliver *deliver;
	void *ctx;
};

void cp_film_free(struct cp_film *film);

/* The symbols are this thread's from now on. done_fd: an eventfd that is written when a film is
 * done with; not closed here. NULL on failure. */
struct cp_encoding *cp_encoding_new(struct cp_log *log, struct cp_symbols *symbols,
				    struct cp_delivery *delivery, int done_fd);
/* From now on what is made is remembered there as well; it outlives the encoding. */
struct cp_history;
void cp_encoding_remember(struct cp_encoding *encoding, struct cp_history *history);
/* Takes the film, in every case, and gives the ticket under which it will be delivered. */
uint64_t cp_encoding_push(struct cp_encoding *encoding, struct cp_film *film);
/* CPU time: symbols of a film that somebody asked for may take so much, since a period's film may
 * wait behind it. What then has no lines has them the next time. */
#define CP_ASKED_NS UINT64_C(1000000000)
/* Takes the film. When no film of a period waits it is made, and its deliver called on the encoding
 * thread, once. */
void cp_encoding_ask(struct cp_encoding *encoding, struct cp_film *film);
/* How many of those wait to be made. Who asked may have gone away: who takes no more than so many
 * at once does not pile them up. */
#define CP_ASKED_MAX 64u
unsigned cp_encoding_asked(struct cp_encoding *encoding);
/* All up to this ticket have been handed to the delivery. */
uint64_t cp_encoding_made(struct cp_encoding *encoding);
/* Nothing under way, nothing waiting. */
int cp_encoding_idle(struct cp_encoding *encoding);
/* Makes what is there, looking symbols up for at most so long, ends the thread and frees. */
void cp_encoding_finish(struct cp_encoding *encoding, uint32_t timeout_ms);
