/* listen.h - CONPROF_LISTEN: an HTTP server, a thread of its own, for whoever pulls.
 *
 * A counter at which the public is served: it sees whom it may serve at all, writes down what is
 * asked, and hands it to the office behind (mailbox.h). It knows nothing itself. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/mailbox.h"

struct cp_listener;

/* What is asked comes out of the main loop's epoll as CP_SOURCE_MAIL, and is given to serve. NULL
 * when out of memory. Nothing is opened yet. */
struct cp_listener *cp_listener_new(struct cp_log *log, int epoll, cp_serve_fn *serve);
/* Opens the address that the family has, if that is due: at first, and each 30 s while somebody
 * else has it. Then, answers that are due. */
void cp_listener_tick(struct cp_listener *listener, struct cp_family *family, uint64_t now_ns);
/* CP_SOURCE_MAIL: something was asked. */
void cp_listener_hear(struct cp_listener *listener, struct cp_family *family);
/* Where others bring what they did for it. */
struct cp_mailbox *cp_listener_box(struct cp_listener *listener);
/* When an answer is due next, UINT64_MAX: none. */
uint64_t cp_listener_next(const struct cp_listener *listener);
/* A line for `conprof status`; nothing where nobody asked for it. */
void cp_listener_status(const struct cp_listener *listener, struct cp_text *out);
/* The address is given up, who waits is told, the thread ends. */
void cp_listener_close(struct cp_listener *listener, struct cp_family *family);
/* After that, when nobody works for who asked any more. */
void cp_listener_free(struct cp_listener *listener, struct cp_family *family);
