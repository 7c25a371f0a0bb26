/* moving.h - a recording goes on in another file: for another uploader, or because it is full. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Looks at the uploader's heartbeat, and moves the recording to another uploader when it has
 * stopped for long; looks how full the recording is, and renews it (doc/why/021). Never waits for
 * other threads: if now is no time for it, a later event will do. The caller holds the ticket, and
 * the process is recorded. Runs anywhere. */
void cp_moving_look(void);

/* The process ends, and no event comes any more that would see that the uploader is dead: looks
 * once more, surer and sooner, and hands the recording over to another one, which is started if
 * need be. Waits a hundredth of a second at most for others to leave. As above. */
void cp_moving_end(void);

/* From now on the recording stays what and where it is; waits until it does, a little. For ordinary
 * code that sleeps on a word of it, or forbids the calls. */
void cp_moving_stop(void);
void cp_moving_wait(void);

/* ---- for a forked child, whose parent was at it just then ---- */
/* By row of its old recording: the number in its new one, + 1. Or NULL. */
uint32_t *cp_moving_map(void);
void cp_moving_forked(void);
