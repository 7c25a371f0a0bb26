/* timers.c - the numbers of our timers, in a list without a lock. */
/* SPDX-License-Identifier: MIT */
#include "signal/timers.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "signal/state.h"

#include "signal/law.h"

#define PROBES 64

/* Numbers are given out one after another: the first place is nearly always free. */
static _Atomic uint32_t *place(int id, unsigned probe)
{
	return &cp_state.timers[((unsigned)id + probe) % CP_TIMERS];
}

int cp_timers_add(int id)
{
	for (unsigned i = 0; cp_state.timers && i < PROBES; i++) {
		uint32_t empty = 0;

		if (atomic_compare_exchange_strong_explicit(place(id, i), &empty, (uint32_t)id + 1,
							    memory_order_release,
							    memory_order_relaxed))
			return 0;
	}
	return -1;
}

void cp_timers_remove(int id)
{
	for (unsigned i = 0; cp_state.timers && i < PROBES; i++) {
		uint32_t it = (uint32_t)id + 1;

		if (atomic_compare_exchange_strong_explicit(
			place(id, i), &it, 0, memory_order_relaxed, memory_order_relaxed))
			return;
	}
}

/* Stopped and not deleted, since that may be taken back. */
void cp_timers_set(uint64_t ns)
{
	struct itimerspec when = {.it_value = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)}};

	when.it_interval = when.it_value;
	for (unsigned i = 0; cp_state.timers && i < CP_TIMERS; i++) {
		uint32_t it = atomic_load_explicit(&cp_state.timers[i], memory_order_acquire);

		if (it)
			syscall(SYS_timer_settime, (int)(it - 1), 0, &when, NULL);
	}
}
