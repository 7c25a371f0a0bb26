/* delivery.h - the thread that delivers, so that a slow agent stops nothing else.
 *
 * A mailroom: parcels are laid on the counter, one clerk carries them out in order, and whatever
 * can not be handed over goes to the larder (spool.h), from where he tries again. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/log.h"
#include "uploader/parcel.h"

struct cp_delivery;

/* done_fd: an eventfd that is written when a parcel is done with; not closed here. NULL on failure.
 */
struct cp_delivery *cp_delivery_new(struct cp_log *log, int done_fd);
/* A parcel's ticket, before it is pushed; they are pushed in the order of their tickets. */
uint64_t cp_delivery_ticket(struct cp_delivery *delivery);
/* Takes the parcel, in every case; one without an event is only done with. When the queue is full
 * its oldest parcel is spooled by the caller's thread. */
void cp_delivery_push(struct cp_delivery *delivery, struct cp_parcel *parcel);
/* All tickets up to this one are out, spooled or given up. */
uint64_t cp_delivery_done(struct cp_delivery *delivery);
/* Nothing under way, nothing waiting. */
int cp_delivery_idle(struct cp_delivery *delivery);
/* on: there is no later, so a fresh parcel is tried at once whatever the back-off says. */
void cp_delivery_hurry(struct cp_delivery *delivery, int on);
/* Parcels given up or refused so far. */
uint64_t cp_delivery_dropped(struct cp_delivery *delivery);
/* Lines of status.h about counters, the last outcomes and the spool. */
void cp_delivery_status(struct cp_delivery *delivery, struct cp_text *out);
/* Tries what is queued for at most timeout_ms, spools the rest, ends the thread and frees. */
void cp_delivery_finish(struct cp_delivery *delivery, uint32_t timeout_ms);
