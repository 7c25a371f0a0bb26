/* adopt.h - a recording of one's own: at the start, and for who slept. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Makes this image's first recording and hands it over. NULL, or what failed, with its errno. By
 * the constructor, or in phase BUSY. */
const char *cp_begin_recording(void);

/* Ready to record? 1 in a recorded process; one that sleeps is given its recording first. 0: events
 * of this process are not recorded (staying out, vfork). -1: they are, but not at this moment, in
 * which the recording is exchanged: what is lost is to be counted (CP_LOST_PAUSED). The caller
 * holds the ticket. Runs anywhere. */
int cp_awake(struct cp_thread *self);

/* An image that sleeps begins its recording, before something that would make it hard later. For
 * ordinary code. */
void cp_wake(void);
