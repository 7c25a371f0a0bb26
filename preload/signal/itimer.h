/* itimer.h - ITIMER_PROF, which serves the threads that have no timer of their own. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* Every period, or rarely, as is wanted now; not where the application uses it. */
void cp_itimer_start(void);

/* The same from its own tick, since something else is wanted now: unless it was stopped meanwhile.
 */
void cp_itimer_again(void);

/* Whether its next tick is a rare one: then recordings are looked after, though nothing may be
 * counted. */
int cp_itimer_is_rare(void);

/* Which turn of ticking period by period this is. Counts from 1, so that a thread's 0 is none. */
uint32_t cp_itimer_turn(void);

/* Stops it if it is ours (when the application wants it, when we keep quiet). 1: it was. No tick
 * that is just now in its handler sets it again. */
int cp_itimer_stop(void);

/* Before an exec: it outlives the image, and would end the next one. It stays ours, since other
 * threads run on, but no tick of theirs sets it again. 1: cp_itimer_resume takes that back. A vfork
 * child has none: it shares our memory, but not the timer. */
int cp_itimer_pause(void);
void cp_itimer_resume(void);

/* In a forked child, which has none. */
void cp_itimer_forked(void);
