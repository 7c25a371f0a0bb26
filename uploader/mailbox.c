/* mailbox.c - how a request comes from the listener's thread to the main loop, and goes back. */
/* SPDX-License-Identifier: MIT */
#include "uploader/mailbox.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int cp_mailbox_open(struct cp_mailbox *box, int epoll)
{
	box->epoll = epoll;
	box->first = box->waiting = NULL;
	box->errands = NULL;
	box->last = &box->first;
	box->shut = 0;
	box->answered = 0;
	box->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (box->wake_fd < 0)
		return -errno;
	return -pthread_mutex_init(&box->lock, NULL);
}

/* A box that is full has been written to already: who empties it will look. */
static void wake(const struct cp_mailbox *box)
{
	uint64_t one = 1;
	if (write(box->wake_fd, &one, sizeof one) < 0)
		return;
}

int cp_mailbox_post(struct cp_mailbox *box, struct cp_ask *ask)
{
	pthread_mutex_lock(&box->lock);
	int shut = box->shut;
	if (!shut) {
		/* before the main loop can see it, and resume it */
		box->suspend(ask->connection);
		ask->box = box;
		ask->back = cp_mailbox_return;
		ask->next = NULL;
		*box->last = ask;
		box->last = &ask->next;
	}
	pthread_mutex_unlock(&box->lock);
	if (shut)
		cp_ask_error(ask, 503, "the uploader leaves");
	else
		wake(box);
	return shut;
}

void cp_mailbox_bring(struct cp_mailbox *box, struct cp_errand *errand)
{
	pthread_mutex_lock(&box->lock);
	errand->next = box->errands;
	box->errands = errand;
	pthread_mutex_unlock(&box->lock);
	wake(box);
}

static void take_errands(struct cp_mailbox *box, struct cp_family *family)
{
	pthread_mutex_lock(&box->lock);
	struct cp_errand *errand = box->errands;
	box->errands = NULL;
	pthread_mutex_unlock(&box->lock);
	while (errand) {
		struct cp_errand *next = errand->next;
		errand->done(family, errand);
		errand = next;
	}
}

static struct cp_ask *take(struct cp_mailbox *box)
{
	pthread_mutex_lock(&box->lock);
	struct cp_ask *ask = box->first;
	if (ask)
		box->first = ask->next;
	if (!box->first)
		box->last = &box->first;
	pthread_mutex_unlock(&box->lock);
	return ask;
}

/* It waits: whether its client is still there, the socket tells. The connection is suspended, so
 * the socket stays open until we give it back. */
static void watch(struct cp_mailbox *box, struct cp_ask *ask)
{
	struct epoll_event event = {.events = EPOLLRDHUP, .data.ptr = &ask->source};
	if (ask->source.fd >= 0)
		epoll_ctl(box->epoll, EPOLL_CTL_ADD, ask->source.fd, &event);
}

void cp_mailbox_take(struct cp_mailbox *box, struct cp_family *family, cp_serve_fn *serve)
{
	struct cp_ask *ask;
	take_errands(box, family);
	while ((ask = take(box))) {
		ask->next = box->waiting;
		box->waiting = ask;
		watch(box, ask);
		serve(family, ask);
	}
}

static void unwatch(struct cp_ask *ask)
{
	if (ask->source.fd >= 0)
		epoll_ctl(ask->box->epoll, EPOLL_CTL_DEL, ask->source.fd, NULL);
}

void cp_mailbox_gone(struct cp_family *family, struct cp_ask *ask)
{
	if (ask->gone)
		ask->gone(family, ask);
	cp_ask_error(ask, 503, "the client has gone away"); /* nobody reads it */
}

void cp_mailbox_return(struct cp_ask *ask)
{
	struct cp_mailbox *box = ask->box;
	for (struct cp_ask **at = &box->waiting; *at; at = &(*at)->next)
		if (*at == ask) {
			*at = ask->next;
			break;
		}
	unwatch(ask);
	box->answered++;
	ask->box = NULL;
	box->resume(ask->connection); /* from here on it may be freed */
}

void cp_mailbox_tick(struct cp_mailbox *box, struct cp_family *family, uint64_t now_ns)
{
	struct cp_ask *ask = box->waiting;
	while (ask) {
		void (*due)(struct cp_family *, struct cp_ask *) = ask->due;
		if (!due || now_ns < ask->due_ns) {
			ask = ask->next;
			continue;
		}
		ask->due = NULL;
		due(family, ask);
		ask = box->waiting; /* any of them may be answered by now */
	}
}

uint64_t cp_mailbox_next(const struct cp_mailbox *box)
{
	uint64_t next = UINT64_MAX;
	for (const struct cp_ask *ask = box->waiting; ask; ask = ask->next)
		if (ask->due && ask->due_ns < next)
			next = ask->due_ns;
	return next;
}

static void leave(struct cp_family *family, struct cp_ask *ask)
{
	(void)family;
	cp_ask_error(ask, 503, "the uploader leaves");
}

void cp_mailbox_shut(struct cp_mailbox *box, struct cp_family *family)
{
	pthread_mutex_lock(&box->lock);
	box->shut = 1;
	pthread_mutex_unlock(&box->lock);
	cp_mailbox_take(box, family, leave);
	while (box->waiting) {
		struct cp_ask *ask = box->waiting;
		if (ask->gone)
			ask->gone(family, ask);
		leave(family, ask);
	}
}

void cp_mailbox_close(struct cp_mailbox *box, struct cp_family *family)
{
	take_errands(box, family);
	close(box->wake_fd);
	pthread_mutex_destroy(&box->lock);
}
