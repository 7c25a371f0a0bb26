/* outlet.h - one destination of this family: address, credentials, and how it has been lately. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/blackfire.h"
#include "uploader/log.h"
#include "uploader/patience.h"
#include "uploader/push.h"

struct cp_outlet {
	struct cp_config config;     /* of the first parcel that went here */
	char to[CP_ADDRESS_LEN];     /* the one of its addresses that this is */
	char name[CP_ADDRESS_SHOWN]; /* for people */
	struct cp_address address;
	struct cp_retry retry;
	struct cp_push_progress progress;
	int noted;	/* its failures are noted in the spool */
	char said[900]; /* the last line about it, without numbers: not said again */
};

/* An address that is not understood is said once, here. */
void cp_outlet_init(struct cp_outlet *outlet, const struct cp_config *config, const char *to,
		    struct cp_log *log);
int cp_outlet_is(const struct cp_outlet *outlet, const struct cp_config *config, const char *to);
/* Looks what others know of it, and whether it may be tried now. hurry: there is no later. */
int cp_outlet_may(struct cp_outlet *outlet, int hurry);
/* What is to be said and learned of an attempt. */
struct cp_outcome {
	enum cp_verdict verdict;
	struct cp_told told;
};
/* One attempt; waits at most timeout_ms. mark: the parcel's in the spool, held; or -1. */
void cp_outlet_send(struct cp_outlet *outlet, struct cp_log *log, const struct cp_parcel *parcel,
		    int mark, long timeout_ms, struct cp_outcome *outcome);
/* Its outcome is told, and kept for the next one's time. Apart from it, since first the parcel must
 * be known to have arrived. */
void cp_outlet_learn(struct cp_outlet *outlet, struct cp_log *log,
		     const struct cp_outcome *outcome);
