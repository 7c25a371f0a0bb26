/* blackfire.h - a parcel to a Blackfire agent: the intake's request, and what its answer means. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/address.h"
#include "uploader/parcel.h"
#include "uploader/secrets.h"

/* What became of an attempt. */
enum cp_verdict {
	CP_SENT,
	CP_AGAIN,   /* not now: no connection, no reply, 5xx, an agent that is too old */
	CP_REFUSED, /* it was understood and is not wanted; the same again would be, too */
	CP_ABSENT,  /* nobody asked for this agent, and it is not there */
};

/* Any thread; waits at most timeout_ms. why: one line for the log, unless CP_SENT. */
enum cp_verdict cp_blackfire_send(const struct cp_address *address,
				  const struct cp_secrets *secrets, const struct cp_parcel *parcel,
				  long timeout_ms, char *why, size_t why_len);
