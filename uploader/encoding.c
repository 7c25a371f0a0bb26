/* encoding.c - the thread that makes profiles of snapshots. */
/* SPDX-License-Identifier: MIT */
#include "uploader/encoding.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "uploader/history.h"

/* How often it looks, while files are open, whether they can be closed. */
#define REST_NS UINT64_C(30000000000)

struct cp_encoding {
	struct cp_log *log;
	struct cp_symbols *symbols;
	struct cp_delivery *delivery;
	int done_fd;
	pthread_t thread;

	/* under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct cp_film *first, **last;
	struct cp_film *asked, **asked_last; /* when there is no other */
	unsigned asked_count;
	struct cp_history *history; /* NULL: nobody could look */
	uint64_t made;
	int busy, stop;
};

void cp_film_free(struct cp_film *film)
{
	if (!film)
		return;
	cp_batch_free(film->batch);
	cp_parcel_free(film->parcel);
	free(film);
}

static void say(void *log, const char *line)
{
	cp_log_line(log, CP_WARNING, "%s", line);
}

static int develop_profiles(struct cp_encoding *e, struct cp_film *film)
{
	struct cp_parcel *parcel = film->parcel;
	int last = 0;
	for (int i = 0; i < CP_PROFILES; i++) {
		enum cp_profile profile = (enum cp_profile)i;
		if (!(film->profiles & CP_BIT(i)) || !cp_batch_has(film->batch, profile))
			continue;
		int error = cp_batch_encode(film->batch, profile, film->time_ns[i],
					    film->duration_ns[i], &parcel->profiles[i]);
		if (error)
			cp_log_change(e->log, CP_TOPIC_ENCODE, CP_ERROR,
				      "%s: a profile could not be made: %s", film->event.service,
				      cp_text_error(error));
		if (parcel->profiles[i].len)
			film->event.profiles |= CP_BIT(i);
		last = error ? error : last;
	}
	return last;
}

/* The profiles, then what is said of them all. Without an event there is nothing to deliver. */
static void develop(struct cp_encoding *e, struct cp_film *film)
{
	struct cp_parcel *parcel = film->parcel;
	develop_profiles(e, film);
	film->event.config = &parcel->config;
	if (cp_request_event(&film->event, &parcel->event)) {
		cp_text_free(&parcel->event);
		cp_log_change(e->log, CP_TOPIC_ENCODE, CP_ERROR,
			      "%s: out of memory, a period is lost", film->event.service);
	}
}

/* Films are made in the order in which they came, so their tickets arrive in order, too. */
static void make(struct cp_encoding *e, struct cp_film *film, struct cp_history *history)
{
	develop(e, film);
	if (history)
		cp_history_add(history, film);
	cp_batch_free(film->batch);
	film->batch = NULL;
	cp_delivery_push(e->delivery, film->parcel);
	film->parcel = NULL;
}

static void make_asked(struct cp_encoding *e, struct cp_film *film)
{
	cp_symbols_brief(e->symbols, CP_ASKED_NS);
	int error = develop_profiles(e, film);
	cp_symbols_brief(e->symbols, 0);
	film->deliver(film->ctx, film->parcel->profiles, error);
}

static void made(struct cp_encoding *e, uint64_t ticket)
{
	uint64_t one = 1;
	e->busy = 0;
	if (!ticket)
		return;
	e->made = ticket;
	/* An eventfd that is full has been written already: the reader will look. */
	if (write(e->done_fd, &one, sizeof one) < 0)
		return;
}

/* Nothing to do: files that nobody asks for any more are closed meanwhile. */
static void await(struct cp_encoding *e)
{
	struct cp_symbols_status status;
	cp_symbols_status(e->symbols, &status);
	if (!status.open) {
		pthread_cond_wait(&e->wake, &e->lock);
		return;
	}
	uint64_t until = cp_text_monotonic() + REST_NS;
	struct timespec ts = {.tv_sec = (time_t)(until / 1000000000u),
			      .tv_nsec = (long)(until % 1000000000u)};
	pthread_cond_timedwait(&e->wake, &e->lock, &ts);
	if (!e->first && !e->asked && !e->stop)
		cp_symbols_rest(e->symbols, cp_text_monotonic());
}

static struct cp_film *pop(struct cp_film **first, struct cp_film ***last)
{
	struct cp_film *film = *first;
	if (!film)
		return NULL;
	*first = film->next;
	if (!*first)
		*last = first;
	return film;
}

static void push(struct cp_encoding *e, struct cp_film *film, struct cp_film ***last)
{
	film->next = NULL;
	**last = film;
	*last = &film->next;
	pthread_cond_signal(&e->wake);
}

static void *work(void *arg)
{
	struct cp_encoding *e = arg;
	pthread_mutex_lock(&e->lock);
	while (e->first || e->asked || !e->stop) {
		struct cp_film *film = pop(&e->first, &e->last);
		if (!film && (film = pop(&e->asked, &e->asked_last)))
			e->asked_count--;
		if (!film) {
			await(e);
			continue;
		}
		e->busy = 1;
		uint64_t ticket = film->parcel->ticket;
		struct cp_history *history = e->history;
		int stop = e->stop;
		pthread_mutex_unlock(&e->lock);
		if (film->deliver)
			make_asked(e, film);
		else
			make(e, film, history);
		cp_film_free(film);
		/* at the end all that is left shares one time to look symbols up */
		if (!stop)
			cp_symbols_rest(e->symbols, cp_text_monotonic());
		pthread_mutex_lock(&e->lock);
		made(e, ticket);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

struct cp_encoding *cp_encoding_new(struct cp_log *log, struct cp_symbols *symbols,
				    struct cp_delivery *delivery, int done_fd)
{
	struct cp_encoding *e = calloc(1, sizeof *e);
	pthread_condattr_t attributes;
	if (!e)
		return NULL;
	e->log = log;
	e->symbols = symbols;
	e->delivery = delivery;
	e->done_fd = done_fd;
	e->last = &e->first;
	e->asked_last = &e->asked;
	cp_symbols_listen(symbols, say, log);
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!pthread_create(&e->thread, NULL, work, e))
		return e;
	free(e);
	return NULL;
}

uint64_t cp_encoding_push(struct cp_encoding *e, struct cp_film *film)
{
	pthread_mutex_lock(&e->lock);
	uint64_t ticket = film->parcel->ticket = cp_delivery_ticket(e->delivery);
	push(e, film, &e->last);
	pthread_mutex_unlock(&e->lock);
	return ticket;
}

void cp_encoding_ask(struct cp_encoding *e, struct cp_film *film)
{
	pthread_mutex_lock(&e->lock);
	push(e, film, &e->asked_last);
	e->asked_count++;
	pthread_mutex_unlock(&e->lock);
}

unsigned cp_encoding_asked(struct cp_encoding *e)
{
	pthread_mutex_lock(&e->lock);
	unsigned count = e->asked_count;
	pthread_mutex_unlock(&e->lock);
	return count;
}

void cp_encoding_remember(struct cp_encoding *e, struct cp_history *history)
{
	pthread_mutex_lock(&e->lock);
	e->history = history;
	pthread_mutex_unlock(&e->lock);
}

uint64_t cp_encoding_made(struct cp_encoding *e)
{
	pthread_mutex_lock(&e->lock);
	uint64_t made = e->made;
	pthread_mutex_unlock(&e->lock);
	return made;
}

int cp_encoding_idle(struct cp_encoding *e)
{
	pthread_mutex_lock(&e->lock);
	int idle = !e->first && !e->asked && !e->busy;
	pthread_mutex_unlock(&e->lock);
	return idle;
}

void cp_encoding_finish(struct cp_encoding *e, uint32_t timeout_ms)
{
	struct cp_symbols_status status;
	if (!e)
		return;
	cp_symbols_status(e->symbols, &status);
	/* a quarter of it may be CPU time */
	cp_symbols_limit(e->symbols, status.max, (uint64_t)timeout_ms * 250000u);
	pthread_mutex_lock(&e->lock);
	e->stop = 1;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	free(e);
}
