/* delivery.c - the thread that delivers, so that a slow agent stops nothing else. */
/* SPDX-License-Identifier: MIT */
#include "uploader/delivery.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "uploader/ledger.h"
#include "uploader/outlet.h"
#include "uploader/spool.h"

#define QUEUE_PARCELS 8
#define QUEUE_BYTES   (128u << 20)
#define OUTLETS_MAX   16 /* one family has one, but for odd cases */

struct cp_delivery {
	struct cp_log *log;
	int done_fd;
	pthread_t thread;
	struct cp_ledger ledger; /* has its own lock */

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct cp_parcel *first, **last;
	unsigned queued;
	size_t bytes;
	uint64_t tickets, done;
	int busy, hurry, stop;
	uint64_t stop_ns; /* no attempt after this time */

	/* the thread's own */
	struct cp_outlet *outlets;
	unsigned outlet_count;
};

static struct cp_parcel *pop(struct cp_delivery *d)
{
	struct cp_parcel *parcel = d->first;
	if (!parcel)
		return NULL;
	d->first = parcel->next;
	if (!d->first)
		d->last = &d->first;
	d->queued--;
	d->bytes -= cp_parcel_size(parcel);
	return parcel;
}

/* Keeps the parcel in the spool or gives it up, and notes which. Any thread. */
static void keep(struct cp_delivery *d, const struct cp_parcel *parcel)
{
	struct cp_spool spool;
	uint64_t dropped = 0;
	int error = cp_spool_open(&spool, &parcel->config);
	if (!error)
		error = cp_spool_put(&spool, parcel, &dropped);
	if (dropped) {
		cp_ledger_count(&d->ledger, CP_LEDGER_DROPPED, dropped);
		cp_log_change(d->log, CP_TOPIC_SPOOL, CP_WARNING,
			      "the spool %s is full (%llu bytes): the oldest profiles are dropped",
			      spool.dir, (unsigned long long)spool.max_bytes);
	}
	if (error)
		cp_log_change(d->log, CP_TOPIC_SPOOL, CP_ERROR,
			      "profiles can not be spooled and are lost: %s%s%s", spool.dir,
			      spool.dir[0] ? ": " : "", cp_text_error(error));
	cp_ledger_note(&d->ledger, parcel, error ? CP_LEDGER_DROPPED : CP_LEDGER_SPOOLED,
		       error ? cp_text_error(error) : spool.dir);
}

static struct cp_outlet *outlet_of(struct cp_delivery *d, const struct cp_config *config)
{
	for (struct cp_outlet *outlet = d->outlets; outlet; outlet = outlet->next)
		if (cp_outlet_is(outlet, config))
			return outlet;
	if (d->outlet_count >= OUTLETS_MAX)
		return NULL;
	struct cp_outlet *outlet = cp_outlet_new(config, d->log, cp_text_monotonic());
	if (!outlet)
		return NULL;
	outlet->next = d->outlets;
	d->outlets = outlet;
	d->outlet_count++;
	return outlet;
}

/* How long an attempt may take now; 0: there is no time for one. */
static long time_for(struct cp_delivery *d, const struct cp_outlet *outlet)
{
	uint64_t now = cp_text_monotonic();
	long timeout_ms = (long)outlet->config.upload_timeout_s * 1000;
	pthread_mutex_lock(&d->lock);
	int stop = d->stop, hurry = d->hurry;
	uint64_t until = d->stop_ns;
	pthread_mutex_unlock(&d->lock);
	if ((stop || hurry) && outlet->failed_hurry)
		return 0;
	if (!stop)
		return hurry || cp_retry_may(&outlet->retry, now) ? timeout_ms : 0;
	if (now + 1000000 >= until)
		return 0;
	long left_ms = (long)((until - now) / 1000000);
	return left_ms < timeout_ms ? left_ms : timeout_ms;
}

static int in_hurry(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->lock);
	int hurry = d->hurry || d->stop;
	pthread_mutex_unlock(&d->lock);
	return hurry;
}

static enum cp_verdict attempt(struct cp_delivery *d, struct cp_outlet *outlet,
			       const struct cp_parcel *parcel)
{
	long timeout_ms = time_for(d, outlet);
	if (!timeout_ms)
		return CP_AGAIN;
	enum cp_verdict verdict = cp_outlet_send(outlet, d->log, parcel, timeout_ms);
	outlet->failed_hurry = verdict == CP_AGAIN && in_hurry(d);
	if (verdict == CP_AGAIN)
		cp_ledger_count(&d->ledger, CP_LEDGER_FAILED, 1);
	return verdict;
}

static void deliver(struct cp_delivery *d, struct cp_parcel *parcel)
{
	struct cp_outlet *outlet = outlet_of(d, &parcel->config);
	enum cp_verdict verdict = outlet ? attempt(d, outlet, parcel) : CP_AGAIN;
	if (verdict == CP_SENT)
		cp_ledger_note(&d->ledger, parcel, CP_LEDGER_SENT, cp_outlet_name(outlet));
	else if (verdict == CP_REFUSED)
		cp_ledger_note(&d->ledger, parcel, CP_LEDGER_REFUSED, cp_outlet_name(outlet));
	else
		keep(d, parcel);
	if (outlet && verdict != CP_SENT && verdict != CP_REFUSED)
		outlet->maybe_spooled = 1;
}

/* One entry of the spool; 1 when there may be more to do at once. */
static int resend(struct cp_delivery *d, struct cp_outlet *outlet)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *parcel;
	if (cp_spool_open(&spool, &outlet->config) ||
	    cp_spool_claim(&spool, &outlet->config, &claim, &parcel)) {
		outlet->maybe_spooled = 0;
		return 0;
	}
	enum cp_verdict verdict = attempt(d, outlet, parcel);
	int over = verdict == CP_SENT || verdict == CP_REFUSED;
	cp_spool_release(&spool, &claim, over);
	if (over)
		cp_ledger_note(&d->ledger, parcel,
			       verdict == CP_SENT ? CP_LEDGER_RESENT : CP_LEDGER_REFUSED,
			       cp_outlet_name(outlet));
	cp_parcel_free(parcel);
	return over;
}

/* An outlet that has something in the spool and may try. The lock is held. */
static struct cp_outlet *due(struct cp_delivery *d, uint64_t now, uint64_t *next)
{
	*next = now + UINT64_C(60000000000);
	for (struct cp_outlet *outlet = d->outlets; outlet; outlet = outlet->next) {
		/* in a hurry one failure is enough: asking again at once would go on for ever */
		if (!outlet->maybe_spooled || (outlet->failed_hurry && (d->hurry || d->stop)))
			continue;
		if (cp_retry_may(&outlet->retry, now))
			return outlet;
		if (outlet->retry.next_ns < *next)
			*next = outlet->retry.next_ns;
	}
	return NULL;
}

static void wait_until(struct cp_delivery *d, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u)};
	pthread_cond_timedwait(&d->wake, &d->lock, &ts);
}

static void finished(struct cp_delivery *d, uint64_t ticket)
{
	uint64_t one = 1;
	if (ticket > d->done)
		d->done = ticket;
	/* An eventfd that is full has been written already: the reader will look. */
	if (write(d->done_fd, &one, sizeof one) < 0)
		return;
}

static void *clerk(void *arg)
{
	struct cp_delivery *d = arg;
	pthread_mutex_lock(&d->lock);
	for (;;) {
		uint64_t next;
		struct cp_parcel *parcel = pop(d);
		struct cp_outlet *outlet = parcel ? NULL : due(d, cp_text_monotonic(), &next);
		if (outlet && d->stop && cp_text_monotonic() >= d->stop_ns)
			outlet = NULL;
		if (!parcel && !outlet) {
			d->busy = 0;
			if (d->stop)
				break;
			finished(d, d->done);
			wait_until(d, next);
			continue;
		}
		d->busy = 1;
		pthread_mutex_unlock(&d->lock);
		if (parcel && parcel->event.len)
			deliver(d, parcel);
		else if (!parcel)
			resend(d, outlet);
		pthread_mutex_lock(&d->lock);
		if (parcel)
			finished(d, parcel->ticket);
		cp_parcel_free(parcel);
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

struct cp_delivery *cp_delivery_new(struct cp_log *log, int done_fd)
{
	struct cp_delivery *d = calloc(1, sizeof *d);
	pthread_condattr_t attributes;
	if (!d)
		return NULL;
	d->log = log;
	d->done_fd = done_fd;
	d->last = &d->first;
	cp_ledger_init(&d->ledger);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!pthread_create(&d->thread, NULL, clerk, d))
		return d;
	cp_ledger_destroy(&d->ledger);
	free(d);
	return NULL;
}

uint64_t cp_delivery_ticket(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->lock);
	uint64_t ticket = ++d->tickets;
	pthread_mutex_unlock(&d->lock);
	return ticket;
}

void cp_delivery_push(struct cp_delivery *d, struct cp_parcel *parcel)
{
	struct cp_parcel *evicted = NULL;
	parcel->next = NULL;
	pthread_mutex_lock(&d->lock);
	if (d->queued >= QUEUE_PARCELS || d->bytes > QUEUE_BYTES)
		evicted = pop(d);
	*d->last = parcel;
	d->last = &parcel->next;
	d->queued++;
	d->bytes += cp_parcel_size(parcel);
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	if (evicted && evicted->event.len)
		keep(d, evicted);
	cp_parcel_free(evicted);
}

uint64_t cp_delivery_done(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->lock);
	uint64_t done = d->done;
	pthread_mutex_unlock(&d->lock);
	return done;
}

int cp_delivery_idle(struct cp_delivery *d)
{
	pthread_mutex_lock(&d->lock);
	int idle = !d->first && !d->busy;
	pthread_mutex_unlock(&d->lock);
	return idle;
}

void cp_delivery_hurry(struct cp_delivery *d, int on)
{
	pthread_mutex_lock(&d->lock);
	d->hurry = on;
	pthread_mutex_unlock(&d->lock);
}

uint64_t cp_delivery_dropped(struct cp_delivery *d)
{
	return cp_ledger_get(&d->ledger, CP_LEDGER_DROPPED) +
	       cp_ledger_get(&d->ledger, CP_LEDGER_REFUSED);
}

void cp_delivery_status(struct cp_delivery *d, struct cp_text *out)
{
	cp_ledger_status(&d->ledger, out);
}

void cp_delivery_finish(struct cp_delivery *d, uint32_t timeout_ms)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = 1;
	d->stop_ns = cp_text_monotonic() + (uint64_t)timeout_ms * 1000000u;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	while (d->outlets) {
		struct cp_outlet *outlet = d->outlets;
		d->outlets = outlet->next;
		free(outlet);
	}
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->lock);
	cp_ledger_destroy(&d->ledger);
	free(d);
}
