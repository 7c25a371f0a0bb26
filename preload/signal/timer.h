/* timer.h - what makes CPU ticks: a timer for each thread, or the process's own. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>

#include "signal/thread.h"

/* Arms the calling thread: its own timer, or, where it can't have one, ITIMER_PROF for all such
 * threads. Nothing if CPU is not recorded or the thread is armed. Runs anywhere. */
void cp_timer_arm(struct cp_thread *self);
/* Takes the thread's timer away; from its own thread. */
void cp_timer_disarm(struct cp_thread *self);

/* How many periods this signal stands for; 0: it is ours but counts nothing (another mechanism
 * counts this thread); -1: it is not ours. */
int64_t cp_timer_periods(struct cp_thread *self, const siginfo_t *info);

/* Stops ITIMER_PROF if it is ours (before exec; when the application wants it). 1: it was. */
int cp_itimer_stop(void);

/* Before an exec: ITIMER_PROF outlives the image. It stays ours, since other threads run on. 1: it
 * was running, and cp_itimer_start lets it run again. A vfork child has none: it shares our memory,
 * but not the timer. */
int cp_itimer_pause(void);
void cp_itimer_start(void);
