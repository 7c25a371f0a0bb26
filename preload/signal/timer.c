/* timer.c - POSIX CPU timers by thread, with overruns; ITIMER_PROF where there can be none. */
/* SPDX-License-Identifier: MIT */
#include "signal/timer.h"

#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/draw.h"
#include "signal/reserved.h"
#include "signal/shared.h"
#include "signal/timers.h"

#include "signal/law.h"

#define SECOND UINT64_C(1000000000)

/* Our signals carry this address: nobody else's timer does. */
static void *cookie(void)
{
	return &cp_state;
}

static uint64_t thread_cpu_ns(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static struct timespec span(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};
}

/* The first expiry is anywhere in the period: a thread that lives a tenth of one has a tenth of a
 * chance to be seen, so many short threads are counted right. Raw calls: libc's are in librt before
 * glibc 2.34. */
static int arm_own(struct cp_thread *self)
{
	uint64_t period = cp_state.cpu_period_ns;
	struct itimerspec when = {.it_interval = span(period),
				  .it_value = span(1 + cp_random(&self->rng) % period)};
	struct sigevent event;

	memset(&event, 0, sizeof event);
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_signo = CP_TICK_SIGNAL;
	event.sigev_value.sival_ptr = cookie();
	event._sigev_un._tid = self->tid;
	if (syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &event, &self->timer_id) != 0)
		return -1;
	if (cp_timers_add(self->timer_id) != 0) {
		syscall(SYS_timer_delete, self->timer_id);
		return -1;
	}
	self->timer_armed = 1;
	atomic_signal_fence(memory_order_seq_cst);
	if (syscall(SYS_timer_settime, self->timer_id, 0, &when, NULL) == 0)
		return 0;
	cp_timer_disarm(self);
	return -1;
}

void cp_itimer_start(void)
{
	uint64_t us = cp_state.cpu_period_ns / 1000;
	struct itimerval when;

	if (atomic_load_explicit(&cp_state.itimer_app, memory_order_relaxed) || !cp_shared_open())
		return;
	us = us ? us : 1;
	when.it_interval.tv_sec = (time_t)(us / 1000000);
	when.it_interval.tv_usec = (suseconds_t)(us % 1000000);
	when.it_value = when.it_interval;
	if (syscall(SYS_setitimer, ITIMER_PROF, &when, NULL) == 0)
		atomic_store_explicit(&cp_state.itimer_on, 1, memory_order_relaxed);
}

int cp_itimer_stop(void)
{
	struct itimerval off;

	if (!atomic_exchange_explicit(&cp_state.itimer_on, 0, memory_order_relaxed))
		return 0;
	memset(&off, 0, sizeof off);
	syscall(SYS_setitimer, ITIMER_PROF, &off, NULL);
	return 1;
}

int cp_itimer_pause(void)
{
	struct itimerval off, was;

	if (!atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		return 0;
	memset(&off, 0, sizeof off);
	memset(&was, 0, sizeof was);
	syscall(SYS_setitimer, ITIMER_PROF, &off, &was);
	return was.it_interval.tv_sec != 0 || was.it_interval.tv_usec != 0;
}

void cp_timer_arm(struct cp_thread *self)
{
	if (!cp_state.cpu_period_ns || self->timer_armed || self->held)
		return;
	if (cp_state.cpu_timer != CP_TIMER_ITIMER && arm_own(self) == 0)
		return;
	self->cpu_ns = thread_cpu_ns();
	if (cp_state.cpu_timer != CP_TIMER_THREAD &&
	    !atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		cp_itimer_start();
}

void cp_timer_disarm(struct cp_thread *self)
{
	if (!self->timer_armed)
		return;
	self->timer_armed = 0;
	atomic_signal_fence(memory_order_seq_cst);
	cp_timers_remove(self->timer_id);
	syscall(SYS_timer_delete, self->timer_id);
}

/* ITIMER_PROF hits whichever thread the kernel picks and says nothing of the hits it merged (at
 * 1 kHz it delivers a fifth). So its tick stands for all CPU time of its thread since the last one:
 * totals are right, and what is charged to one stack is right on average. */
static uint64_t by_clock(struct cp_thread *self)
{
	uint64_t now = thread_cpu_ns(), periods;

	if (now < self->cpu_ns)
		self->cpu_ns = 0;
	periods = (now - self->cpu_ns) / cp_state.cpu_period_ns;
	self->cpu_ns += periods * cp_state.cpu_period_ns;
	return periods;
}

int cp_timer_is_ours(const siginfo_t *info)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == cookie();
}

int64_t cp_itimer_periods(struct cp_thread *self, const siginfo_t *info)
{
	if (info->si_code != SI_KERNEL ||
	    !atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		return -1;
	return self->timer_armed ? 0 : (int64_t)by_clock(self);
}

void cp_timer_hold(struct cp_thread *self)
{
	self->held = 1 + self->timer_armed;
	cp_timer_disarm(self);
	self->cpu_ns = thread_cpu_ns();
	atomic_store_explicit(&cp_state.itimer_app, 1, memory_order_relaxed);
	cp_itimer_stop();
}

void cp_timer_release(struct cp_thread *self)
{
	int had = self->held == 2;

	self->held = 0;
	if (had)
		cp_timer_arm(self);
}

uint64_t cp_timer_passed(struct cp_thread *self)
{
	return by_clock(self);
}
