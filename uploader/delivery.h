/* delivery.h - the threads that deliver, so that a slow agent stops nothing else.
 *
 * A mailroom: a parcel that is laid on the counter is put into the larder first (spool.h), so that
 * it is safe whatever happens to us; then each destination's clerk (clerk.h) carries it out. */
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
/* Takes the parcel, in every case; one without an event is only done with. When it returns the
 * parcel is in the spool, or cannot be. Where a destination's queue is full its oldest parcel stays
 * in the spool for now. One thread. */
void cp_delivery_push(struct cp_delivery *delivery, struct cp_parcel *parcel);
/* All tickets up to this one are done with at each of their destinations: they have it, it stays in
 * the spool, or it is given up. */
uint64_t cp_delivery_done(struct cp_delivery *delivery);
/* All tickets up to this one outlive our process: they are in the spool, or done with. Whatever
 * happens to us, nobody need make them again. Never less than cp_delivery_done; done_fd tells of
 * it, too. */
uint64_t cp_delivery_durable(struct cp_delivery *delivery);
/* Nothing under way, nothing waiting. */
int cp_delivery_idle(struct cp_delivery *delivery);
/* on: there is no later, so a fresh parcel is tried at once whatever the back-off says. */
void cp_delivery_hurry(struct cp_delivery *delivery, int on);
/* Parcels given up or refused so far; one that several destinations have not got counts for each.
 */
uint64_t cp_delivery_dropped(struct cp_delivery *delivery);
/* Lines of status.h about counters, the last outcomes and the destinations. */
void cp_delivery_status(struct cp_delivery *delivery, struct cp_text *out);
/* Tries what is queued for at most timeout_ms, spools the rest, ends the threads and frees. */
void cp_delivery_finish(struct cp_delivery *delivery, uint32_t timeout_ms);
