/* ledger.h - what became of the uploads: counters, and the last outcomes for people. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "uploader/parcel.h"

enum cp_ledger_kind {
	CP_LEDGER_SENT,
	CP_LEDGER_RESENT, /* out of the spool */
	CP_LEDGER_SPOOLED,
	CP_LEDGER_REFUSED, /* by the agent */
	CP_LEDGER_DROPPED, /* no room in the spool, or none to be had */
	CP_LEDGER_FAILED,  /* attempts, not parcels */
	CP_LEDGER_KINDS
};

#define CP_LEDGER_LINES 32

struct cp_ledger {
	pthread_mutex_t lock;
	uint64_t counts[CP_LEDGER_KINDS];
	uint64_t noted; /* lines ever; the last CP_LEDGER_LINES are kept */
	struct {
		enum cp_ledger_kind kind;
		uint64_t ticket, program, at_ns; /* monotonic */
		unsigned profiles;		 /* CP_BIT()s */
		char stem[224];
		char where[512];
	} lines[CP_LEDGER_LINES];
};

void cp_ledger_init(struct cp_ledger *ledger);
void cp_ledger_destroy(struct cp_ledger *ledger);
void cp_ledger_count(struct cp_ledger *ledger, enum cp_ledger_kind kind, uint64_t n);
/* Counts one parcel and keeps a line about it. */
void cp_ledger_note(struct cp_ledger *ledger, const struct cp_parcel *parcel,
		    enum cp_ledger_kind kind, const char *where);
uint64_t cp_ledger_get(struct cp_ledger *ledger, enum cp_ledger_kind kind);
void cp_ledger_status(struct cp_ledger *ledger, struct cp_text *out);
