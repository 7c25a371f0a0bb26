/* altstack.h - the application's alternate signal stacks, which have room for its signals alone. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>

#include "signal/thread.h"

/* A handler that asks for the alternate stack is not met there by a tick, whose frame may find no
 * room any more: the tick waits for its end. `room` takes the changed action. What is read back of
 * the kernel is made the application's again, with its own SIGPROF if that was in the mask (asked
 * before the change). */
const struct sigaction *cp_altstack_defer(int sig, const struct sigaction *action,
					  struct sigaction *room);
int cp_altstack_own(int sig);
void cp_altstack_hide(int own, struct sigaction *before);

/* The thread ends, or the process does: what could not be sampled is counted. */
void cp_altstack_end(struct cp_thread *self);
