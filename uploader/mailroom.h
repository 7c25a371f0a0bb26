/* mailroom.h - what the clerks of a delivery share; and keeping what was not delivered. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "uploader/ledger.h"
#include "uploader/log.h"
#include "uploader/spool.h"

/* What all clerks of a mailroom share. */
struct cp_mailroom {
	struct cp_log *log;
	struct cp_ledger ledger; /* has its own lock */
	pthread_mutex_t keeping; /* one at a time puts a parcel into the spool that was not there */
	pthread_mutex_t lock;
	/* under the lock */
	int hurry, stop;
	uint64_t stop_ns; /* no attempt after this time */
	/* told under the lock: this parcel is done with at one more destination; NULL: he rests */
	void (*done)(struct cp_mailroom *room, struct cp_parcel *parcel);
};

/* A parcel on its way to one destination, and what it left in the spool. */
struct cp_errand {
	struct cp_parcel *parcel;
	struct cp_claim claim;
};

/* What was not delivered to this address stays in the spool or is given up: which, is counted and
 * told. Any thread, without the lock. */
enum cp_ledger_kind cp_mailroom_keep(struct cp_mailroom *room, const char *to,
				     struct cp_errand *errand);
/* Says what has been dropped from the spool, and counts it. */
void cp_mailroom_tell(struct cp_mailroom *room, const struct cp_spool *spool);
