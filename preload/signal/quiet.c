/* quiet.c - stopping whatever makes system calls, in all threads, and how that is taken back. */
/* SPDX-License-Identifier: MIT */
#include "signal/quiet.h"

#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/itimer.h"
#include "signal/pace.h"
#include "signal/reserved.h"
#include "signal/shared.h"
#include "signal/thread.h"
#include "signal/timer.h"
#include "signal/timers.h"

#include "signal/law.h"

#define PATIENCE 50000 /* yields */

/* Takes the place of the wiped page: children, which find that one empty, stay out, too. There is
 * no scratch to be had. */
static struct cp_wiped off = {.phase = CP_OFF, .scratch = ~UINT64_C(0)};

/* What cp_quiet_end needs. By the one thread that changed the phase. */
static struct {
	struct cp_wiped *wiped;
	uint32_t phase;
	int itimer;
	int alone;
	uint64_t held; /* scratch that was in use then */
} before;

static void yield(void)
{
	syscall(SYS_sched_yield);
}

/* 0: it is off already, or it can't be had. What another thread has noted, who was first, is left
 * alone. */
static int turn_off(void)
{
	for (int i = 0; i < PATIENCE; i++) {
		struct cp_wiped *wiped = cp_state.wiped;
		uint32_t phase = atomic_load(&wiped->phase);

		if (phase == CP_OFF)
			return 0;
		if (phase != CP_BUSY && phase != CP_MOVING &&
		    atomic_compare_exchange_strong(&wiped->phase, &phase, CP_OFF)) {
			before.wiped = wiped;
			before.phase = phase;
			return 1;
		}
		yield();
	}
	return 0;
}

/* Whoever came in before the phase was off. Who comes later, having asked for the phase before,
 * gets no scratch, and sees the phase then. */
static int wait_for_others(void)
{
	int32_t self = cp_self.inside != 0;

	before.held = atomic_load(&before.wiped->scratch);
	for (int i = 0; i < PATIENCE; i++) {
		atomic_store(&before.wiped->scratch, ~UINT64_C(0));
		if ((int32_t)atomic_load(cp_state.inside) <= self &&
		    atomic_load(&before.wiped->scratch) == ~UINT64_C(0))
			return !self;
		yield();
	}
	return 0;
}

int cp_quiet_alone(void)
{
	return before.alone;
}

void cp_quiet_discard(int sig)
{
	struct {
		uintptr_t handler;
		unsigned long flags;
		uintptr_t restorer;
		uint64_t mask;
	} ignore = {.handler = 1}, was;

	if (syscall(SYS_rt_sigaction, sig, NULL, &was, sizeof was.mask) != 0)
		return;
	syscall(SYS_rt_sigaction, sig, &ignore, NULL, sizeof was.mask);
	syscall(SYS_rt_sigaction, sig, &was, NULL, sizeof was.mask);
}

int cp_quiet_begin(int flush)
{
	int saved = errno;
	int32_t pid = cp_state.wiped->pid;

	if ((pid && pid != (int32_t)syscall(SYS_getpid)) || !turn_off()) {
		errno = saved;
		return 0;
	}
	before.alone = wait_for_others();
	cp_state.wiped = &off;
	atomic_store_explicit(&cp_state.quiet, before.wiped, memory_order_release);
	cp_timers_set(0);
	before.itimer = cp_itimer_stop();
	cp_shared_close();
	if (flush)
		cp_quiet_discard(CP_TICK_SIGNAL);
	errno = saved;
	return 1;
}

void cp_quiet_end(void)
{
	int saved = errno;
	uint64_t period = cp_pace_period();

	period = period ? period : cp_pace_rare();
	atomic_store_explicit(&cp_state.quiet, NULL, memory_order_release);
	atomic_fetch_and(&before.wiped->scratch, before.alone ? 0 : before.held);
	cp_state.wiped = before.wiped;
	cp_timers_set(period);
	if (before.itimer)
		cp_itimer_start();
	atomic_store_explicit(&cp_state.wiped->phase, before.phase, memory_order_release);
	errno = saved;
}
