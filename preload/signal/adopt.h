/* adopt.h - a recording of one's own: for a forked child, and after the uploader was lost. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Ready to record? 1 in a recorded process; a forked child that sleeps is given its recording
 * first. 0: events of this process are not recorded (staying out, vfork, or the moment of a move).
 * The caller holds the ticket. Runs anywhere. */
int cp_awake(struct cp_thread *self);

/* Looks at the uploader's heartbeat, and moves the recording to another uploader when it has
 * stopped for long. The caller holds the ticket. Runs anywhere. */
void cp_heartbeat_look(void);
