/* apart.h - work of ours in the midst of the application's, where no signal and no full stack can
 * reach it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* What the work is given. */
struct cp_apart {
	struct cp_thread *self;
	struct cp_scratch *scratch; /* NULL: all in use, so there is room for counting alone */
	const void *frame;	    /* where the application's stack goes on */
};

/* Runs work behind the door, on a scratch stack, with signals blocked: a fiber of the application's
 * may have next to no room, and a handler that jumps away (siglongjmp, a thread cancelled at once)
 * would leave the door shut and the unwinder taken for ever. Signals that tell of a fault stay
 * open. From a call that the application made; keeps errno. 0: the door was shut. */
int cp_apart(void (*work)(const struct cp_apart *, void *), void *arg);
