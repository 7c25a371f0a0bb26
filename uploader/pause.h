/* pause.h - how long a program was not sampled: no profile claims that time. Pure: time is given.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

struct cp_pause {
	uint64_t
	    since_ns; /* it goes on since then, or was accounted for until then; 0: it does not */
	uint64_t cpu_ns;    /* of this CPU window */
	uint64_t heap_ns;   /* since the last heap profile */
	uint64_t period_ns; /* of this period */
	int begun;	    /* something is known */
	int sampled;	    /* something of this period was not paused */
};

void cp_pause_begin(struct cp_pause *pause);
void cp_pause_set(struct cp_pause *pause, int paused, uint64_t now_ns);
/* What goes on is accounted for until now. */
void cp_pause_account(struct cp_pause *pause, uint64_t now_ns);
/* A CPU window opens. */
void cp_pause_window(struct cp_pause *pause, uint64_t now_ns);
/* A period is over; `shipped`: with a heap profile. */
void cp_pause_turn(struct cp_pause *pause, int shipped);
