/* ledger.c - what became of the uploads: counters, and the last outcomes for people. */
/* SPDX-License-Identifier: MIT */
#include "uploader/ledger.h"

#include <stdio.h>

static const char *const names[CP_LEDGER_KINDS] = {
    "sent", "resent", "spooled", "refused", "dropped", "failed",
};

void cp_ledger_init(struct cp_ledger *ledger)
{
	pthread_mutex_init(&ledger->lock, NULL);
}

void cp_ledger_destroy(struct cp_ledger *ledger)
{
	pthread_mutex_destroy(&ledger->lock);
}

void cp_ledger_count(struct cp_ledger *ledger, enum cp_ledger_kind kind, uint64_t n)
{
	pthread_mutex_lock(&ledger->lock);
	ledger->counts[kind] += n;
	pthread_mutex_unlock(&ledger->lock);
}

void cp_ledger_note(struct cp_ledger *ledger, const struct cp_parcel *parcel,
		    enum cp_ledger_kind kind, const char *where)
{
	pthread_mutex_lock(&ledger->lock);
	size_t at = ledger->noted++ % CP_LEDGER_LINES;
	ledger->counts[kind]++;
	ledger->lines[at].kind = kind;
	ledger->lines[at].ticket = parcel->ticket;
	ledger->lines[at].program = parcel->program;
	ledger->lines[at].at_ns = cp_text_monotonic();
	ledger->lines[at].profiles = 0;
	for (int i = 0; i < CP_PROFILES; i++)
		if (parcel->profiles[i].len)
			ledger->lines[at].profiles |= CP_BIT(i);
	snprintf(ledger->lines[at].stem, sizeof ledger->lines[at].stem, "%s", parcel->stem);
	snprintf(ledger->lines[at].where, sizeof ledger->lines[at].where, "%s", where);
	pthread_mutex_unlock(&ledger->lock);
}

uint64_t cp_ledger_get(struct cp_ledger *ledger, enum cp_ledger_kind kind)
{
	pthread_mutex_lock(&ledger->lock);
	uint64_t n = ledger->counts[kind];
	pthread_mutex_unlock(&ledger->lock);
	return n;
}

void cp_ledger_status(struct cp_ledger *ledger, struct cp_text *out)
{
	pthread_mutex_lock(&ledger->lock);
	cp_text_add(out, "uploads");
	for (int i = 0; i < CP_LEDGER_KINDS; i++)
		cp_text_addf(out, "\t%s=%llu", names[i], (unsigned long long)ledger->counts[i]);
	cp_text_add(out, "\n");
	uint64_t from = ledger->noted > CP_LEDGER_LINES ? ledger->noted - CP_LEDGER_LINES : 0;
	for (uint64_t i = from; i < ledger->noted; i++) {
		size_t at = i % CP_LEDGER_LINES;
		cp_text_addf(out,
			     "upload\tticket=%llu\tprogram=%llu\tat_ns=%llu\toutcome=%s\t"
			     "name=%s\tfiles=",
			     (unsigned long long)ledger->lines[at].ticket,
			     (unsigned long long)ledger->lines[at].program,
			     (unsigned long long)ledger->lines[at].at_ns,
			     names[ledger->lines[at].kind], ledger->lines[at].stem);
		for (int j = 0; j < CP_PROFILES; j++)
			if (ledger->lines[at].profiles & CP_BIT(j))
				cp_text_add(out, cp_parcel_suffix((enum cp_profile)j));
		cp_text_add_field(out, "where", ledger->lines[at].where);
		cp_text_add(out, "\n");
	}
	pthread_mutex_unlock(&ledger->lock);
}
