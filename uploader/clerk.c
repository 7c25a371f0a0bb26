/* clerk.c - who carries parcels to one destination: his own queue, his own thread. */
/* SPDX-License-Identifier: MIT */
#include "uploader/clerk.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUEUE_PARCELS 8u
#define QUEUE_BYTES   (128u << 20)
#define LOOK_AGAIN_NS UINT64_C(300000000000)
#define STACK_BYTES   (512u << 10) /* touched as far as it is used; names of hosts are looked up */

struct cp_clerk {
	struct cp_clerk *next;
	struct cp_mailroom *room;
	pthread_t thread;

	/* under the mailroom's lock */
	pthread_cond_t wake;
	struct cp_errand queue[QUEUE_PARCELS];
	unsigned first, queued;
	size_t bytes;
	int busy;
	enum cp_verdict last; /* of the attempts; CP_SENT before the first */
	uint64_t counts[CP_LEDGER_KINDS];
	uint32_t failures; /* of outlet.retry */
	uint64_t next_ns;  /* likewise */
	int maybe_spooled; /* the spool may hold something for it */
	uint64_t look_ns;  /* when we look there all the same */

	/* the thread's own */
	struct cp_outlet outlet;
	int failed_hurry; /* an attempt failed while there was no time for back-off */
};

static int pop(struct cp_clerk *c, struct cp_errand *errand)
{
	errand->parcel = NULL;
	if (!c->queued)
		return 0;
	*errand = c->queue[c->first];
	c->first = (c->first + 1) % QUEUE_PARCELS;
	c->queued--;
	c->bytes -= cp_parcel_size(errand->parcel);
	return 1;
}

void cp_clerk_push(struct cp_clerk *c, const struct cp_errand *errand, struct cp_errand *evicted)
{
	evicted->parcel = NULL;
	if (c->queued >= QUEUE_PARCELS || c->bytes > QUEUE_BYTES)
		pop(c, evicted);
	c->queue[(c->first + c->queued++) % QUEUE_PARCELS] = *errand;
	c->bytes += cp_parcel_size(errand->parcel);
	pthread_cond_signal(&c->wake);
}

/* What became of a parcel. */
static void note(struct cp_clerk *c, const struct cp_parcel *parcel, enum cp_ledger_kind kind)
{
	cp_ledger_note(&c->room->ledger, parcel, kind, c->outlet.name);
	pthread_mutex_lock(&c->room->lock);
	c->counts[kind]++;
	pthread_mutex_unlock(&c->room->lock);
}

void cp_clerk_keep(struct cp_clerk *c, struct cp_errand *errand)
{
	enum cp_ledger_kind kind = cp_mailroom_keep(c->room, c->outlet.to, errand);
	pthread_mutex_lock(&c->room->lock);
	c->counts[kind]++;
	c->maybe_spooled = 1;
	pthread_mutex_unlock(&c->room->lock);
}

/* How long an attempt may take now; 0: there is no time for one. */
static long time_for(struct cp_clerk *c)
{
	long timeout_ms = (long)c->outlet.config.upload_timeout_s * 1000;
	pthread_mutex_lock(&c->room->lock);
	int stop = c->room->stop, hurry = c->room->hurry || stop;
	uint64_t until = c->room->stop_ns;
	pthread_mutex_unlock(&c->room->lock);
	if ((hurry && c->failed_hurry) || !cp_outlet_may(&c->outlet, hurry))
		return 0;
	if (!stop)
		return timeout_ms;
	uint64_t now = cp_text_monotonic();
	if (now + 1000000 >= until)
		return 0;
	long left_ms = (long)((until - now) / 1000000);
	return left_ms < timeout_ms ? left_ms : timeout_ms;
}

/* What of an attempt, if there was one, the others may see. */
static void publish(struct cp_clerk *c, int tried, enum cp_verdict verdict)
{
	pthread_mutex_lock(&c->room->lock);
	c->failures = c->outlet.retry.failures;
	c->next_ns = c->outlet.retry.next_ns;
	if (tried) {
		c->last = verdict;
		c->failed_hurry = verdict == CP_AGAIN && (c->room->hurry || c->room->stop);
		c->counts[CP_LEDGER_FAILED] += verdict == CP_AGAIN;
	}
	pthread_mutex_unlock(&c->room->lock);
}

/* One attempt with what is held; when the destination has it, or will not have it, its mark goes
 * before anything else. */
static enum cp_verdict attempt(struct cp_clerk *c, const struct cp_parcel *parcel,
			       struct cp_claim *claim)
{
	struct cp_outcome outcome;
	long timeout_ms = time_for(c);
	if (!timeout_ms) {
		publish(c, 0, CP_AGAIN);
		return CP_AGAIN;
	}
	cp_outlet_send(&c->outlet, c->room->log, parcel, claim->fd, timeout_ms, &outcome);
	if (outcome.verdict == CP_SENT || outcome.verdict == CP_REFUSED)
		cp_spool_release(claim, 1);
	cp_outlet_learn(&c->outlet, c->room->log, &outcome);
	if (outcome.verdict == CP_AGAIN)
		cp_ledger_count(&c->room->ledger, CP_LEDGER_FAILED, 1);
	publish(c, 1, outcome.verdict);
	return outcome.verdict;
}

/* 1 when the destination is done with it. */
static int conclude(struct cp_clerk *c, const struct cp_parcel *parcel, enum cp_verdict verdict,
		    enum cp_ledger_kind sent)
{
	if (verdict == CP_SENT)
		note(c, parcel, sent);
	else if (verdict == CP_REFUSED)
		note(c, parcel, CP_LEDGER_REFUSED);
	return verdict == CP_SENT || verdict == CP_REFUSED;
}

static void deliver(struct cp_clerk *c, struct cp_errand *errand)
{
	enum cp_verdict verdict = attempt(c, errand->parcel, &errand->claim);
	if (!conclude(c, errand->parcel, verdict, CP_LEDGER_SENT))
		cp_clerk_keep(c, errand);
}

/* There is nothing that could be had: until something is kept, or, since what another uploader left
 * behind may lie there, for some time. */
static void nothing_there(struct cp_clerk *c)
{
	pthread_mutex_lock(&c->room->lock);
	c->maybe_spooled = 0;
	c->look_ns = cp_text_monotonic() + LOOK_AGAIN_NS;
	pthread_mutex_unlock(&c->room->lock);
}

/* One entry of the spool. */
static void resend(struct cp_clerk *c)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *parcel;
	int error = cp_spool_open(&spool, &c->outlet.config);
	if (!error)
		error = cp_spool_claim(&spool, &c->outlet.config, c->outlet.to, &claim, &parcel);
	cp_mailroom_tell(c->room, &spool);
	if (error) {
		nothing_there(c);
		return;
	}
	enum cp_verdict verdict = attempt(c, parcel, &claim);
	if (!conclude(c, parcel, verdict, CP_LEDGER_RESENT))
		cp_spool_release(&claim, 0);
	cp_parcel_free(parcel);
}

/* Something may be in the spool and may be tried now. The lock is held. */
static int is_due(const struct cp_clerk *c, uint64_t *next)
{
	uint64_t now = cp_text_monotonic();
	*next = now + LOOK_AGAIN_NS;
	/* in a hurry one failure is enough: asking again at once would go on for ever */
	if (!c->maybe_spooled && now < c->look_ns) {
		*next = c->look_ns;
		return 0;
	}
	if (c->failed_hurry && (c->room->hurry || c->room->stop))
		return 0;
	if (c->room->stop && now >= c->room->stop_ns)
		return 0;
	if (cp_retry_may(&c->outlet.retry, now))
		return 1;
	if (c->outlet.retry.next_ns < *next)
		*next = c->outlet.retry.next_ns;
	return 0;
}

static void rest(struct cp_clerk *c, uint64_t until)
{
	struct timespec ts = {.tv_sec = (time_t)(until / 1000000000u),
			      .tv_nsec = (long)(until % 1000000000u)};
	c->room->done(c->room, NULL);
	pthread_cond_timedwait(&c->wake, &c->room->lock, &ts);
}

static void *work(void *arg)
{
	struct cp_clerk *c = arg;
	pthread_mutex_lock(&c->room->lock);
	for (;;) {
		struct cp_errand errand;
		uint64_t next = 0;
		c->busy = pop(c, &errand) || is_due(c, &next);
		if (!c->busy && c->room->stop)
			break;
		if (!c->busy) {
			rest(c, next);
			continue;
		}
		pthread_mutex_unlock(&c->room->lock);
		if (errand.parcel)
			deliver(c, &errand);
		else
			resend(c);
		pthread_mutex_lock(&c->room->lock);
		if (errand.parcel)
			c->room->done(c->room, errand.parcel);
	}
	pthread_mutex_unlock(&c->room->lock);
	return NULL;
}

struct cp_clerk *cp_clerk_new(struct cp_mailroom *room, const struct cp_config *config,
			      const char *to, struct cp_clerk *next)
{
	struct cp_clerk *c = calloc(1, sizeof *c);
	pthread_condattr_t clock;
	pthread_attr_t small;
	if (!c)
		return NULL;
	c->room = room;
	c->next = next;
	c->maybe_spooled = c->busy = 1;
	cp_outlet_init(&c->outlet, config, to, room->log);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, STACK_BYTES);
	int error = pthread_create(&c->thread, &small, work, c);
	pthread_attr_destroy(&small);
	if (!error)
		return c;
	pthread_cond_destroy(&c->wake);
	free(c);
	return NULL;
}

struct cp_clerk *cp_clerk_next(const struct cp_clerk *c)
{
	return c->next;
}

int cp_clerk_is(const struct cp_clerk *c, const struct cp_config *config, const char *to)
{
	return cp_outlet_is(&c->outlet, config, to);
}

int cp_clerk_is_quick(const struct cp_clerk *c)
{
	return c->last == CP_SENT && !c->failures && !c->queued;
}

int cp_clerk_is_idle(const struct cp_clerk *c)
{
	return !c->busy && !c->queued;
}

void cp_clerk_wake(struct cp_clerk *c)
{
	pthread_cond_signal(&c->wake);
}

void cp_clerk_end(struct cp_clerk *c)
{
	pthread_join(c->thread, NULL);
	pthread_cond_destroy(&c->wake);
	free(c);
}

static const char *state(const struct cp_clerk *c)
{
	if (c->failures)
		return "down";
	switch (c->last) {
	case CP_SENT:
		return c->counts[CP_LEDGER_SENT] + c->counts[CP_LEDGER_RESENT] ? "up" : "untried";
	case CP_REFUSED:
		return "refusing";
	case CP_ABSENT:
		return "absent";
	case CP_AGAIN:
		break;
	}
	return "down";
}

void cp_clerk_status(struct cp_clerk *c, struct cp_text *out)
{
	struct cp_spool spool;
	uint64_t now = cp_text_monotonic(), spooled = 0;
	if (!cp_spool_open(&spool, &c->outlet.config))
		spooled = cp_spool_waiting(&spool, cp_address_number(c->outlet.to));
	pthread_mutex_lock(&c->room->lock);
	uint64_t sent = c->counts[CP_LEDGER_SENT] + c->counts[CP_LEDGER_RESENT];
	uint64_t wait_ns = c->next_ns > now ? c->next_ns - now : 0;
	cp_text_add(out, "destination");
	cp_text_add_field(out, "to", c->outlet.name);
	cp_text_addf(
	    out,
	    "\tstate=%s\tsent=%llu\tfailed=%llu\trefused=%llu\t"
	    "dropped=%llu\twaiting=%llu\tnext_try=%llus\n",
	    state(c), (unsigned long long)sent, (unsigned long long)c->counts[CP_LEDGER_FAILED],
	    (unsigned long long)c->counts[CP_LEDGER_REFUSED],
	    (unsigned long long)c->counts[CP_LEDGER_DROPPED], (unsigned long long)(spooled),
	    (unsigned long long)((wait_ns + 999999999) / 1000000000));
	pthread_mutex_unlock(&c->room->lock);
}
