/* delivery.c - the threads that deliver, so that a slow agent stops nothing else. */
/* SPDX-License-Identifier: MIT */
#include "uploader/delivery.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "uploader/clerk.h"

#define CLERKS_MAX 64u /* a family has a few destinations, but for odd cases */

struct cp_delivery {
	struct cp_mailroom room;
	int done_fd;
	int unkept; /* the last parcel could not be put into the spool; its thread's own */
	/* under the room's lock */
	struct cp_clerk *clerks; /* who is in it stays until the end */
	unsigned clerk_count;
	struct cp_parcel *first, **last; /* not done with, in the order of their tickets */
	uint64_t tickets, pushed;
};

static void tell(struct cp_delivery *d)
{
	uint64_t one = 1;
	/* An eventfd that is full has been written already: the reader will look. */
	if (write(d->done_fd, &one, sizeof one) < 0)
		return;
}

/* One destination more is done with a parcel; after the last one it goes. */
static void done(struct cp_mailroom *room, struct cp_parcel *parcel)
{
	struct cp_delivery *d =
	    (struct cp_delivery *)((char *)room - offsetof(struct cp_delivery, room));
	if (parcel && --parcel->open == 0) {
		struct cp_parcel **at = &d->first;
		while (*at != parcel)
			at = &(*at)->next;
		*at = parcel->next;
		if (!parcel->next)
			d->last = at;
		cp_parcel_free(parcel);
	}
	tell(d);
}

struct cp_delivery *cp_delivery_new(struct cp_log *log, int done_fd)
{
	struct cp_delivery *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->room.log = log;
	d->room.done = done;
	d->done_fd = done_fd;
	d->last = &d->first;
	cp_ledger_init(&d->room.ledger);
	pthread_mutex_init(&d->room.keeping, NULL);
	pthread_mutex_init(&d->room.lock, NULL);
	return d;
}

uint64_t cp_delivery_ticket(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->room.lock);
	uint64_t ticket = ++d->tickets;
	pthread_mutex_unlock(&d->room.lock);
	return ticket;
}

static struct cp_clerk *clerk_of(struct cp_delivery *d, const struct cp_config *config,
				 const char *to)
{
	struct cp_clerk *clerk = d->clerks;
	while (clerk && !cp_clerk_is(clerk, config, to))
		clerk = cp_clerk_next(clerk);
	if (clerk || d->clerk_count >= CLERKS_MAX)
		return clerk;
	clerk = cp_clerk_new(&d->room, config, to, d->clerks);
	if (clerk) {
		d->clerks = clerk;
		d->clerk_count++;
	}
	return clerk;
}

/* Where a parcel goes; who carries it (NULL: nobody can), and what it left in the spool. */
struct round {
	unsigned count;
	char to[CP_DESTINATIONS][CP_ADDRESS_LEN];
	struct cp_clerk *clerks[CP_DESTINATIONS];
	struct cp_claim claims[CP_DESTINATIONS];
	int quick; /* all of them may be expected to take it at once */
};

/* The same place by the same user, though perhaps with another password. */
static int is_named(const struct round *round)
{
	for (unsigned i = 0; i < round->count; i++)
		if (cp_address_number(round->to[i]) == cp_address_number(round->to[round->count]))
			return 1;
	return 0;
}

static void plan(struct cp_delivery *d, const struct cp_parcel *parcel, struct round *round)
{
	const char *list = parcel->config.agent_socket;
	round->count = 0;
	round->quick = 1;
	pthread_mutex_lock(&d->room.lock);
	while (round->count < CP_DESTINATIONS && cp_address_next(&list, round->to[round->count])) {
		const char *to = round->to[round->count];
		if (is_named(round))
			continue;
		struct cp_clerk *clerk = clerk_of(d, &parcel->config, to);
		round->clerks[round->count] = clerk;
		round->quick &= clerk && cp_clerk_is_quick(clerk);
		round->claims[round->count++] = (struct cp_claim){.fd = -1, .dir = -1};
	}
	pthread_mutex_unlock(&d->room.lock);
}

/* Said once while it lasts. */
static void tell_unkept(struct cp_delivery *d, const struct cp_spool *spool, int error)
{
	if (error) {
		cp_log_change(d->room.log, CP_TOPIC_KEEPING, CP_WARNING,
			      "profiles can not be spooled, they are sent at once or lost: %s%s%s",
			      spool->dir, spool->dir[0] ? ": " : "", cp_text_error(error));
	} else if (d->unkept) {
		cp_log_line(d->room.log, CP_INFO, "profiles are spooled again: %s", spool->dir);
		cp_log_forget(d->room.log, CP_TOPIC_KEEPING);
		cp_log_forget(d->room.log, CP_TOPIC_LOSS);
	}
	d->unkept = error != 0;
}

/* First of all it is written down. To the disk it is brought only where it is likely to stay: what
 * is taken at once is gone before the kernel would have written it. */
static void write_ahead(struct cp_delivery *d, struct cp_parcel *parcel, struct round *round)
{
	struct cp_spool spool;
	if (!parcel->config.spool_max_bytes)
		return;
	int error = cp_spool_open(&spool, &parcel->config);
	if (!error)
		error = cp_spool_put(&spool, parcel, round->to, round->count, !round->quick,
				     round->claims);
	parcel->safe = !error;
	cp_mailroom_tell(&d->room, &spool);
	if (!error) {
		/* before anybody carries it: what is neither here nor noted was never anywhere */
		cp_custody_is_safe(parcel->custody);
		parcel->custody = NULL;
	}
	tell_unkept(d, &spool, error);
}

static void hand_out(struct cp_delivery *d, struct cp_parcel *parcel, struct round *round)
{
	struct cp_errand evicted[CP_DESTINATIONS];
	parcel->next = NULL;
	parcel->open = round->count;
	pthread_mutex_lock(&d->room.lock);
	*d->last = parcel;
	d->last = &parcel->next;
	d->pushed = parcel->ticket;
	for (unsigned i = 0; i < round->count; i++) {
		struct cp_errand errand = {parcel, round->claims[i]};
		if (round->clerks[i])
			cp_clerk_push(round->clerks[i], &errand, &evicted[i]);
		else
			evicted[i] = errand;
	}
	tell(d);
	pthread_mutex_unlock(&d->room.lock);
	for (unsigned i = 0; i < round->count; i++) {
		if (!evicted[i].parcel)
			continue;
		if (round->clerks[i])
			cp_clerk_keep(round->clerks[i], &evicted[i]);
		else
			cp_mailroom_keep(&d->room, round->to[i], &evicted[i]);
		pthread_mutex_lock(&d->room.lock);
		done(&d->room, evicted[i].parcel);
		pthread_mutex_unlock(&d->room.lock);
	}
}

void cp_delivery_push(struct cp_delivery *d, struct cp_parcel *parcel)
{
	struct round *round = parcel->event.len ? malloc(sizeof *round) : NULL;
	if (round)
		plan(d, parcel, round);
	if (round && round->count) {
		write_ahead(d, parcel, round);
		hand_out(d, parcel, round);
	} else {
		if (parcel->event.len)
			cp_ledger_note(&d->room.ledger, parcel, CP_LEDGER_DROPPED,
				       cp_text_error(ENOMEM));
		pthread_mutex_lock(&d->room.lock);
		d->pushed = parcel->ticket;
		tell(d);
		pthread_mutex_unlock(&d->room.lock);
		cp_parcel_free(parcel);
	}
	free(round);
}

uint64_t cp_delivery_done(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->room.lock);
	uint64_t ticket = d->first ? d->first->ticket - 1 : d->pushed;
	pthread_mutex_unlock(&d->room.lock);
	return ticket;
}

uint64_t cp_delivery_durable(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->room.lock);
	const struct cp_parcel *parcel = d->first;
	while (parcel && parcel->safe)
		parcel = parcel->next;
	uint64_t ticket = parcel ? parcel->ticket - 1 : d->pushed;
	pthread_mutex_unlock(&d->room.lock);
	return ticket;
}

int cp_delivery_idle(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->room.lock);
	int idle = !d->first;
	for (const struct cp_clerk *c = d->clerks; c && idle; c = cp_clerk_next(c))
		idle = cp_clerk_is_idle(c);
	pthread_mutex_unlock(&d->room.lock);
	return idle;
}

void cp_delivery_hurry(struct cp_delivery *d, int on)
{
	pthread_mutex_lock(&d->room.lock);
	/* who has failed in a hurry, and rests for long, may try again when it is over */
	for (struct cp_clerk *c = d->clerks; c && d->room.hurry != on; c = cp_clerk_next(c))
		cp_clerk_wake(c);
	d->room.hurry = on;
	pthread_mutex_unlock(&d->room.lock);
}

uint64_t cp_delivery_dropped(struct cp_delivery *d)
{
	return cp_ledger_get(&d->room.ledger, CP_LEDGER_DROPPED) +
	       cp_ledger_get(&d->room.ledger, CP_LEDGER_REFUSED);
}

void cp_delivery_status(struct cp_delivery *d, struct cp_text *out)
{
	cp_ledger_status(&d->room.ledger, out);
	pthread_mutex_lock(&d->room.lock);
	struct cp_clerk *clerk = d->clerks; /* those before him stay as they are */
	pthread_mutex_unlock(&d->room.lock);
	for (; clerk; clerk = cp_clerk_next(clerk))
		cp_clerk_status(clerk, out);
}

void cp_delivery_finish(struct cp_delivery *d, uint32_t timeout_ms)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->room.lock);
	d->room.stop = 1;
	d->room.stop_ns = cp_text_monotonic() + (uint64_t)timeout_ms * 1000000u;
	for (struct cp_clerk *c = d->clerks; c; c = cp_clerk_next(c))
		cp_clerk_wake(c);
	pthread_mutex_unlock(&d->room.lock);
	while (d->clerks) {
		struct cp_clerk *clerk = d->clerks;
		d->clerks = cp_clerk_next(clerk);
		cp_clerk_end(clerk);
	}
	pthread_mutex_destroy(&d->room.lock);
	pthread_mutex_destroy(&d->room.keeping);
	cp_ledger_destroy(&d->room.ledger);
	free(d);
}
