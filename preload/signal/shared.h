/* shared.h - SIGPROF while ITIMER_PROF has to serve us: the application sees its own action. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>

/* The handler that is to be installed. From the constructor. */
void cp_shared_handler(void (*handler)(int, siginfo_t *, void *));

/* Installs the handler, once. What stood there before becomes the application's action. 1: it is
 * there; 0: it can't be, or another thread is at it. Runs anywhere. */
int cp_shared_open(void);

/* Whether SIGPROF is shared. While another thread is just installing the handler, waits for it:
 * microseconds, all its signals blocked. */
int cp_shared_now(void);

/* In a forked child: it may have been made while another thread installed the handler, or without
 * any handlers (CLONE_CLEAR_SIGHAND): then a tick of ours would end it. */
void cp_shared_forked(void);

/* What the application believes to be installed for SIGPROF. set: exchanges it (signal-safe, and
 * seen whole by a handler: one of two copies is always complete). */
void cp_app_action_get(struct sigaction *action);
void cp_app_action_set(const struct sigaction *action);

/* The application's action in its place again, and nothing of ours pending. */
void cp_shared_close(void);

/* Before exec: what the application set to be ignored stays ignored in the new image. */
void cp_shared_before_exec(void);
void cp_shared_after_failed_exec(void);
