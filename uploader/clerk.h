/* clerk.h - who carries parcels to one destination: his own queue, his own thread.
 *
 * Each destination of the mailroom (delivery.h) has a clerk. One who stands before a closed door
 * keeps nobody but himself waiting; what he brings back goes to the larder (spool.h), from where he
 * tries again when its time has come. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/mailroom.h"
#include "uploader/outlet.h"

struct cp_clerk;

/* His thread begins. NULL when out of memory. next: the one before him, for his mailroom's use. */
struct cp_clerk *cp_clerk_new(struct cp_mailroom *room, const struct cp_config *config,
			      const char *to, struct cp_clerk *next);
struct cp_clerk *cp_clerk_next(const struct cp_clerk *clerk);
int cp_clerk_is(const struct cp_clerk *clerk, const struct cp_config *config, const char *to);
/* With the lock: the next attempt may be expected to succeed at once. */
int cp_clerk_is_quick(const struct cp_clerk *clerk);
int cp_clerk_is_idle(const struct cp_clerk *clerk);
/* With the lock: takes the errand. Where there is no room for it his oldest one comes back in
 * *evicted, whose parcel is else NULL. */
void cp_clerk_push(struct cp_clerk *clerk, const struct cp_errand *errand,
		   struct cp_errand *evicted);
/* What was not delivered stays in the spool or is given up. Any thread. */
void cp_clerk_keep(struct cp_clerk *clerk, struct cp_errand *errand);
/* With the lock: looks whether there is something to do. */
void cp_clerk_wake(struct cp_clerk *clerk);
/* A line of status.h. */
void cp_clerk_status(struct cp_clerk *clerk, struct cp_text *out);
/* After stop: waits for him. Frees. */
void cp_clerk_end(struct cp_clerk *clerk);
