/* outlet.h - one destination of this family: address, credentials, and how it has been lately. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/blackfire.h"
#include "uploader/log.h"
#include "uploader/retry.h"

struct cp_outlet {
	struct cp_outlet *next;
	struct cp_config config; /* of the first parcel that went here */
	struct cp_address address;
	char name[CP_ADDRESS_SHOWN]; /* the destination, for people */
	struct cp_retry retry;
	int maybe_spooled; /* the spool may hold something for it */
	int failed_hurry;  /* an attempt failed while there was no time for back-off */
};

/* NULL when out of memory. An address that is not understood is said once, here. */
struct cp_outlet *cp_outlet_new(const struct cp_config *config, struct cp_log *log, uint64_t now);
int cp_outlet_is(const struct cp_outlet *outlet, const struct cp_config *config);
/* One attempt; waits at most timeout_ms. The outcome is kept for the next one's time. */
enum cp_verdict cp_outlet_send(struct cp_outlet *outlet, struct cp_log *log,
			       const struct cp_parcel *parcel, long timeout_ms);
/* Where it goes, for people. */
const char *cp_outlet_name(const struct cp_outlet *outlet);
