/* mailbox.h - how a request comes from the listener's thread to the main loop, and goes back.
 *
 * The family belongs to the main loop: whoever wants to know of it puts a letter into this box and
 * sleeps; the loop answers it in its own time. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>

#include "uploader/ask.h"

/* What was done elsewhere for the main loop, to be gone on with there. */
struct cp_errand {
	struct cp_errand *next;
	void (*done)(struct cp_family *family, struct cp_errand *errand);
};

struct cp_mailbox {
	int epoll;   /* of the main loop */
	int wake_fd; /* an eventfd in it: something was posted */
	/* of the listener: the connection shall wait; it goes on. Any thread. */
	void (*suspend)(void *connection);
	void (*resume)(void *connection);

	/* under the lock */
	pthread_mutex_t lock;
	struct cp_ask *first, **last;
	struct cp_errand *errands; /* the latest first */
	int shut;

	struct cp_ask *waiting; /* the main loop's: taken, not yet answered */
	uint64_t answered;
};

/* epoll: the main loop's. 0 or -errno. */
int cp_mailbox_open(struct cp_mailbox *box, int epoll);
/* The listener's thread: 0, the ask is the main loop's until it is resumed; 1, nobody takes it any
 * more: it has its answer. */
int cp_mailbox_post(struct cp_mailbox *box, struct cp_ask *ask);

/* Any thread: done will be called in the main loop, or, at the latest, when the box is closed. */
void cp_mailbox_bring(struct cp_mailbox *box, struct cp_errand *errand);

/* The main loop, from here on. What was posted is served: by serve, which answers or sets gone. */
typedef void cp_serve_fn(struct cp_family *family, struct cp_ask *ask);
void cp_mailbox_take(struct cp_mailbox *box, struct cp_family *family, cp_serve_fn *serve);
/* The client of one that waits has gone away. */
void cp_mailbox_gone(struct cp_family *family, struct cp_ask *ask);
/* What is due by now; and when something is next, UINT64_MAX: never. */
void cp_mailbox_tick(struct cp_mailbox *box, struct cp_family *family, uint64_t now_ns);
uint64_t cp_mailbox_next(const struct cp_mailbox *box);
/* Answered: back to the listener. */
void cp_mailbox_return(struct cp_ask *ask);
/* Nobody is served any more: who waits is told, and who comes. */
void cp_mailbox_shut(struct cp_mailbox *box, struct cp_family *family);
/* When nobody posts or brings any more. */
void cp_mailbox_close(struct cp_mailbox *box, struct cp_family *family);
