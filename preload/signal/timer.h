/* timer.h - what makes CPU ticks: a timer for each thread, or the process's own. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>

#include "signal/thread.h"

/* Before it is armed: the calling thread's CPU clock began with the thread, so that what it has
 * done until now is counted, too. Without this, counting begins when it is armed. */
void cp_timer_born(struct cp_thread *self);
/* Arms the calling thread: its own timer, or, where it can't have one, ITIMER_PROF for all such
 * threads. Nothing if CPU is not recorded or the thread is armed. Runs anywhere. */
void cp_timer_arm(struct cp_thread *self);
/* Takes the thread's timer away; from its own thread. */
void cp_timer_disarm(struct cp_thread *self);

/* Until it is released no tick will reach the calling thread. The process's timer cannot leave one
 * thread out: it is given up. */
void cp_timer_hold(struct cp_thread *self);
void cp_timer_release(struct cp_thread *self);

/* CPU time in ns: the periods that were over by now, by the calling thread's CPU clock, and that
 * nothing has counted yet: they are the caller's to count. The kernel looks at timers at its own
 * tick alone, so the last milliseconds of a thread are mostly of this kind. */
uint64_t cp_timer_rest(struct cp_thread *self);
/* Whether there are any. */
int cp_timer_is_due(const struct cp_thread *self);

/* The calling thread's CPU clock: a system call. */
uint64_t cp_timer_clock(void);

/* Whether this is the signal of a timer of ours. */
int cp_timer_is_ours(const siginfo_t *info);
/* How much CPU time it stands for, in ns. */
uint64_t cp_timer_rang(struct cp_thread *self, const siginfo_t *info);

/* How much CPU time this SIGPROF stands for; 0: it is ITIMER_PROF's, but this thread has a timer of
 * its own that counts it; -1: it is not ours. */
int64_t cp_itimer_rang(struct cp_thread *self, const siginfo_t *info);
