/* mailroom.c - what the clerks of a delivery share; and keeping what was not delivered. */
/* SPDX-License-Identifier: MIT */
#include "uploader/mailroom.h"

#include <stdio.h>

#include "uploader/address.h"

void cp_mailroom_tell(struct cp_mailroom *room, const struct cp_spool *spool)
{
	if (spool->full)
		cp_log_change(room->log, CP_TOPIC_SPOOL, CP_WARNING,
			      "the spool %s is full (%llu bytes): the oldest profiles are dropped",
			      spool->dir, (unsigned long long)spool->max_bytes);
	if (spool->old)
		cp_log_change(room->log, CP_TOPIC_SPOOL, CP_WARNING,
			      "profiles in the spool %s are older than %llu s: they are dropped",
			      spool->dir, (unsigned long long)spool->max_age_s);
	if (spool->damaged)
		cp_log_line(room->log, CP_WARNING,
			    "%llu damaged in the spool %s, set aside (corrupt/): %s",
			    (unsigned long long)spool->damaged, spool->dir, spool->last);
	if (spool->unfinished)
		cp_log_line(room->log, CP_WARNING,
			    "%llu unfinished in the spool %s, of a killed uploader: removed",
			    (unsigned long long)spool->unfinished, spool->dir);
	uint64_t dropped = spool->full + spool->old + spool->damaged;
	if (dropped)
		cp_ledger_count(&room->ledger, CP_LEDGER_DROPPED, dropped);
}

/* Into the spool now, for this destination alone. */
static int put(const struct cp_parcel *parcel, const char *to, struct cp_spool *spool)
{
	struct cp_claim claim;
	char address[1][CP_ADDRESS_LEN];
	snprintf(address[0], sizeof address[0], "%s", to);
	int error = cp_spool_put(spool, parcel, address, 1, 1, &claim);
	if (!error)
		cp_spool_release(&claim, 0);
	return error;
}

static int keep(struct cp_mailroom *room, const char *to, struct cp_errand *errand,
		struct cp_spool *spool)
{
	int error = cp_spool_open(spool, &errand->parcel->config);
	pthread_mutex_lock(&room->keeping);
	if (!error && cp_spool_holds(&errand->claim)) {
		error = cp_spool_settle(&errand->claim);
		if (error && cp_spool_holds(&errand->claim)) { /* it is there all the same */
			cp_log_change(room->log, CP_TOPIC_KEEPING, CP_WARNING,
				      "profiles in the spool may not outlive a power cut: %s: %s",
				      spool->dir, cp_text_error(error));
			error = 0;
		}
	} else if (!error) {
		error = put(errand->parcel, to, spool);
	}
	cp_spool_release(&errand->claim, 0);
	pthread_mutex_unlock(&room->keeping);
	return error;
}

enum cp_ledger_kind cp_mailroom_keep(struct cp_mailroom *room, const char *to,
				     struct cp_errand *errand)
{
	struct cp_spool spool;
	int error = keep(room, to, errand, &spool);
	enum cp_ledger_kind kind = error ? CP_LEDGER_DROPPED : CP_LEDGER_SPOOLED;
	cp_mailroom_tell(room, &spool);
	if (error)
		cp_log_change(room->log, CP_TOPIC_LOSS, CP_ERROR,
			      "profiles can not be spooled and are lost: %s%s%s", spool.dir,
			      spool.dir[0] ? ": " : "", cp_text_error(error));
	cp_ledger_note(&room->ledger, errand->parcel, kind,
		       error ? cp_text_error(error) : spool.dir);
	return kind;
}
