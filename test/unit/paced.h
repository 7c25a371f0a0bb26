/* paced.h - a thread whose CPU time is looked at each period, or rarely, as the recording's word
 * says. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <math.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/control.h"
#include "signal/recording.h"
#include "signal/reserved.h"
#include "signal/timer.h"
#include "test/unit/unit.h"

#define MS	UINT64_C(1000000)
#define PERIOD	(MS / 2)
#define RARE	(20 * PERIOD)
#define OPEN	(CP_WANT_SAID | CP_WANT_CPU | CP_WANT_HEAP)
#define RARELY	(CP_WANT_SAID | CP_WANT_RARELY | CP_WANT_HEAP)
#define STOPPED CP_WANT_SAID
/* The kernel looks at most so long after a period is over. */
#define LOOK (10 * MS)
#define LATE (10000 * MS)

static struct cp_wiped page = {.phase = CP_RUNNING};
static _Atomic uint32_t numbers[CP_TIMERS], inside;
static uint64_t signals, sum;
/* In open windows: when the last tick came, and the longest time between two. */
static uint64_t last, longest;
static int is_open;
static uint64_t met; /* when the last tick came at all */

static void on_tick(int sig, siginfo_t *info, void *uc)
{
	uint64_t now = cp_timer_clock();

	(void)sig;
	(void)uc;
	if (last && now - last > longest)
		longest = now - last;
	last = is_open ? now : 0;
	met = now;
	signals++;
	sum += cp_timer_rang(&cp_self, info);
}

/* libc's sigaction will not hear of the signal: the kernel's own way. The test's are libc's bytes
 * to come back by, found in what it has installed for another. */
static void listen_to_ticks(void)
{
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} action;
	struct sigaction own = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};

	assert_int_equal(sigaction(SIGUSR1, &own, NULL), 0);
	assert_int_equal(syscall(SYS_rt_sigaction, SIGUSR1, NULL, &action, sizeof action.mask), 0);
	assert_int_equal(
	    syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, &action, NULL, sizeof action.mask), 0);
}

static int begin(void **state)
{
	int fd;

	(void)state;
	page.pid = (int32_t)getpid();
	cp_state.wiped = &page;
	cp_state.inside = &inside;
	cp_state.timers = numbers;
	cp_state.cpu_timer = CP_TIMER_THREAD;
	cp_state.cpu_period_ns = PERIOD;
	cp_state.rec = cp_recording_make(&fd);
	assert_non_null(cp_state.rec);
	close(fd);
	listen_to_ticks();
	return 0;
}

/* A window ends without a tick: the time since the last one counts as well. */
static void want(uint64_t control)
{
	uint64_t now = cp_timer_clock();

	if (is_open && last && now - last > longest)
		longest = now - last;
	last = 0;
	is_open = control == OPEN;
	atomic_store(&cp_state.rec->control, control);
}

static void ready(void)
{
	cp_self.tid = (int)syscall(SYS_gettid);
	cp_self.rng = cp_now_ns() ^ (uint64_t)cp_self.tid << 32;
}

static void burn_until(uint64_t end)
{
	while (cp_timer_clock() < end)
		for (int i = 0; i < 20000; i++)
			__asm__ volatile("" : "+r"(i));
}

static void start(uint64_t control)
{
	ready();
	want(control);
	cp_self.due = 0;
	signals = sum = 0;
	cp_timer_arm(&cp_self);
}

/* Once in a hundred thousand runs chance takes it further. */
static double beyond(double variance)
{
	return 4.42 * sqrt(variance);
}
