/* pace.h - how often CPU time is looked at now: every period, rarely, or never (doc/why/028). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* The period of the ticks that are wanted; 0: none, but for the rare ones. Runs anywhere. */
uint64_t cp_pace_period(void);
/* The mean distance of the rare ones. */
uint64_t cp_pace_rare(void);
/* Whether nothing is wanted at all: what the rare ones meet is not counted either. */
int cp_pace_is_off(void);
/* The same of allocations. */
int cp_pace_heap_is_off(void);

/* In a forked child, while its parent's recording is there for sure: what is wanted of that is
 * wanted of it, until it has its own. */
void cp_pace_forked(void);

/* From this time of its CPU clock on, the calling thread is to be looked at as is wanted now: due,
 * period and rare are set. */
void cp_pace_plan(struct cp_thread *self, uint64_t from);
/* Likewise, but rarely, whatever is wanted. */
void cp_pace_plan_rare(struct cp_thread *self, uint64_t from);
