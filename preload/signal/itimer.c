/* itimer.c - ITIMER_PROF: set, set again by its own ticks, and surely stopped. */
/* SPDX-License-Identifier: MIT */
#include "signal/itimer.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/draw.h"
#include "signal/pace.h"
#include "signal/shared.h"

#include "signal/law.h"

#define PATIENCE 1000 /* yields: setting it takes less than a microsecond */

enum { STOPPED, TICKING, RARELY };

int cp_itimer_is_rare(void)
{
	return atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed) == RARELY;
}

uint32_t cp_itimer_turn(void)
{
	return 1 + atomic_load_explicit(&cp_state.turn, memory_order_relaxed);
}

/* The interval is for ticks that nobody hears of: else the first of them would be the last. */
static void set(uint32_t was)
{
	uint64_t period = cp_pace_period(), us = period / 1000;
	struct itimerval when;

	if (!period)
		us = cp_next_gap(&cp_self.rng, cp_pace_rare()) / 1000 + 1;
	us = us ? us : 1;
	when.it_value.tv_sec = (time_t)(us / 1000000);
	when.it_value.tv_usec = (suseconds_t)(us % 1000000);
	when.it_interval = when.it_value;
	if (syscall(SYS_setitimer, ITIMER_PROF, &when, NULL) != 0)
		return;
	atomic_store_explicit(&cp_state.itimer_ns, period, memory_order_relaxed);
	atomic_compare_exchange_strong(&cp_state.itimer_on, &was, period ? TICKING : RARELY);
}

/* Who sets it is counted first and looks then; who stops it says so first, and looks then whether
 * somebody is at it: so nobody sets it after it was stopped. */
static void set_if(int also_stopped)
{
	uint32_t was;

	atomic_fetch_add(&cp_state.itimer_setters, 1);
	was = atomic_load(&cp_state.itimer_on);
	if ((was || also_stopped) && !atomic_load(&cp_state.itimer_pauses))
		set(was);
	atomic_fetch_sub(&cp_state.itimer_setters, 1);
}

static void clear(void)
{
	struct itimerval off;

	for (int i = 0; i < PATIENCE && atomic_load(&cp_state.itimer_setters); i++)
		syscall(SYS_sched_yield);
	memset(&off, 0, sizeof off);
	syscall(SYS_setitimer, ITIMER_PROF, &off, NULL);
}

void cp_itimer_start(void)
{
	if (!atomic_load_explicit(&cp_state.itimer_app, memory_order_relaxed) && cp_shared_open())
		set_if(1);
}

void cp_itimer_again(void)
{
	set_if(0);
}

int cp_itimer_stop(void)
{
	if (!atomic_exchange(&cp_state.itimer_on, STOPPED))
		return 0;
	clear();
	return 1;
}

int cp_itimer_pause(void)
{
	int32_t pid = cp_state.wiped->pid;

	if (!atomic_load(&cp_state.itimer_on) || (pid && pid != (int32_t)syscall(SYS_getpid)))
		return 0;
	atomic_fetch_add(&cp_state.itimer_pauses, 1);
	clear();
	return 1;
}

void cp_itimer_resume(void)
{
	atomic_fetch_sub(&cp_state.itimer_pauses, 1);
	if (atomic_load(&cp_state.itimer_on))
		cp_itimer_start();
}

void cp_itimer_forked(void)
{
	atomic_store(&cp_state.itimer_on, STOPPED);
	atomic_store(&cp_state.itimer_pauses, 0);
	atomic_store(&cp_state.itimer_setters, 0);
}
