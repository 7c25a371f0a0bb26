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

#define BIRTH UINT64_C(1000000) /* CPU time, at most, until a new thread comes to us: 0.05 ms */

enum { DISARMED, ARMED, ARMING };

/* Our signals carry this address: nobody else's timer does. */
static void *cookie(void)
{
	return &cp_state;
}

uint64_t cp_timer_clock(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static struct timespec span(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};
}

static uint64_t in_a_period(struct cp_thread *self)
{
	return 1 + cp_random(&self->rng) % cp_state.cpu_period_ns;
}

/* Raw calls: libc's are in librt before glibc 2.34. The first expiry may be over already: then the
 * kernel's signal comes at once. */
static int arm_own(struct cp_thread *self)
{
	struct itimerspec when = {.it_interval = span(cp_state.cpu_period_ns),
				  .it_value = span(self->due)};
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
	self->next = self->due;
	self->timer_armed = ARMING;
	atomic_signal_fence(memory_order_seq_cst);
	if (syscall(SYS_timer_settime, self->timer_id, TIMER_ABSTIME, &when, NULL) == 0) {
		self->timer_armed = ARMED;
		return 0;
	}
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

/* The first period ends anywhere within one: a thread that lives a tenth of a period has a tenth of
 * a chance to be counted, so many short threads are counted right. */
void cp_timer_born(struct cp_thread *self)
{
	if (!cp_state.cpu_period_ns)
		return;
	self->due = in_a_period(self);
	self->not_due_ns = self->due > BIRTH ? cp_now_ns() + self->due - BIRTH : 0;
}

void cp_timer_arm(struct cp_thread *self)
{
	if (!cp_state.cpu_period_ns || self->timer_armed || self->held || self->ending)
		return;
	if (!self->due)
		self->due = cp_timer_clock() + in_a_period(self);
	if (cp_state.cpu_timer != CP_TIMER_ITIMER && arm_own(self) == 0)
		return;
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

int cp_timer_is_due(const struct cp_thread *self)
{
	return self->due && cp_timer_clock() >= self->due;
}

uint64_t cp_timer_rest(struct cp_thread *self)
{
	uint64_t now, periods;

	if (!self->due || (self->not_due_ns && cp_now_ns() < self->not_due_ns))
		return 0;
	self->not_due_ns = 0;
	now = cp_timer_clock();
	if (now < self->due)
		return 0;
	periods = (now - self->due) / cp_state.cpu_period_ns + 1;
	self->due += periods * cp_state.cpu_period_ns;
	return periods * cp_state.cpu_period_ns;
}

/* The signal's periods are counted from where the last one's ended. What cp_timer_rest has counted
 * meanwhile is not counted again. A timer that is just being armed may ring at once: that is left
 * to cp_timer_rest, since the thread has done nothing yet. */
uint64_t cp_timer_rang(struct cp_thread *self, const siginfo_t *info)
{
	uint64_t from = self->due;

	self->next += (1 + (uint64_t)info->si_overrun) * cp_state.cpu_period_ns;
	if (self->timer_armed == ARMING || self->next <= from)
		return 0;
	self->due = self->next;
	return self->next - from;
}

int cp_timer_is_ours(const siginfo_t *info)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == cookie();
}

/* ITIMER_PROF hits whichever thread the kernel picks and says nothing of the hits it merged (at
 * 1 kHz it delivers a fifth). So its tick stands for all CPU time of its thread since the last one:
 * totals are right, and what is charged to one stack is right on average. */
int64_t cp_itimer_rang(struct cp_thread *self, const siginfo_t *info)
{
	if (info->si_code != SI_KERNEL ||
	    !atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		return -1;
	if (!self->due) /* a thread of whose beginning we have not heard */
		cp_timer_born(self);
	return self->timer_armed ? 0 : (int64_t)cp_timer_rest(self);
}

void cp_timer_hold(struct cp_thread *self)
{
	self->held = 1 + self->timer_armed;
	cp_timer_disarm(self);
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
