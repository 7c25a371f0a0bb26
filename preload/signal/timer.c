/* timer.c - POSIX CPU timers by thread, with overruns; ITIMER_PROF where there can be none. */
/* SPDX-License-Identifier: MIT */
#include "signal/timer.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/draw.h"
#include "signal/itimer.h"
#include "signal/pace.h"
#include "signal/reserved.h"
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

/* What the timer is to do: a tick each period, or a rare one, once. */
static int set(struct cp_thread *self)
{
	struct itimerspec when = {.it_interval = span(self->rare ? 0 : self->period),
				  .it_value = span(self->due)};

	self->next = self->due;
	return (int)syscall(SYS_timer_settime, self->timer_id, TIMER_ABSTIME, &when, NULL);
}

/* Raw calls: libc's are in librt before glibc 2.34. The first expiry may be over already: then the
 * kernel's signal comes at once. */
static int arm_own(struct cp_thread *self)
{
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
	self->timer_armed = ARMING;
	atomic_signal_fence(memory_order_seq_cst);
	if (set(self) == 0) {
		self->timer_armed = ARMED;
		return 0;
	}
	cp_timer_disarm(self);
	return -1;
}

/* The first period ends anywhere within one: a thread that lives a tenth of a period has a tenth of
 * a chance to be counted, so many short threads are counted right. */
void cp_timer_born(struct cp_thread *self)
{
	if (!cp_state.cpu_period_ns)
		return;
	cp_pace_plan(self, 0);
	self->not_due_ns = self->due > BIRTH ? cp_now_ns() + self->due - BIRTH : 0;
}

/* Rare ticks of ITIMER_PROF are the process's, not this thread's: it waits for its first. */
static void arm_process(struct cp_thread *self)
{
	self->by_process = 1;
	self->turn = self->rare ? 0 : cp_itimer_turn();
	if (!atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		cp_itimer_start();
}

void cp_timer_arm(struct cp_thread *self)
{
	if (!cp_state.cpu_period_ns || self->timer_armed || self->held || self->ending)
		return;
	if (!self->due)
		cp_pace_plan(self, cp_timer_clock());
	self->by_process = 0;
	if (cp_state.cpu_timer != CP_TIMER_ITIMER && arm_own(self) == 0)
		return;
	if (cp_state.cpu_timer != CP_TIMER_THREAD)
		arm_process(self);
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

/* The periods that are over by now, and due moves behind them. */
static uint64_t pass(struct cp_thread *self, uint64_t now)
{
	uint64_t periods = now < self->due ? 0 : (now - self->due) / self->period + 1;

	self->due += periods * self->period;
	return periods * self->period;
}

/* A rare tick is over by this time: it stands for the mean distance between two. What follows is
 * counted from it on: rare again, or, by a tick, as is wanted now. Where a look comes late (a busy
 * host stops its guests, whose CPU clocks run on), what lay between counts as it would on average.
 */
static uint64_t pass_rare(struct cp_thread *self, uint64_t now, int is_tick)
{
	uint64_t ns = 0;

	while (self->rare && now >= self->due) {
		uint64_t late = (now - self->due) / self->period * self->period;

		ns += self->period + late;
		if (is_tick)
			cp_pace_plan(self, self->due + late);
		else
			cp_pace_plan_rare(self, self->due + late);
	}
	return ns;
}

uint64_t cp_timer_rest(struct cp_thread *self)
{
	uint64_t now, ns;

	if (!self->due || (self->not_due_ns && cp_now_ns() < self->not_due_ns))
		return 0;
	self->not_due_ns = 0;
	if (self->by_process && (self->turn != cp_itimer_turn() || cp_itimer_is_rare()))
		return 0;
	now = cp_timer_clock();
	if (now < self->due)
		return 0;
	/* the timer still rings as a rare one, once: what that plans it is set for */
	ns = self->rare ? pass_rare(self, now, 0) : pass(self, now);
	return cp_pace_is_off() ? 0 : ns;
}

/* There is no way to be told that ticks are wanted again: a signal from elsewhere would break off a
 * call that the thread waits in. So the timer, which counts CPU time alone, rings rarely meanwhile.
 * A signal that comes too early is an older one. */
static uint64_t rang_rarely(struct cp_thread *self)
{
	uint64_t ns = pass_rare(self, cp_timer_clock(), 1);

	set(self);
	return cp_pace_is_off() ? 0 : ns;
}

/* What is wanted has changed: this tick is still one of those before, and what comes is counted
 * from where its period ended. */
static void change_pace(struct cp_thread *self)
{
	cp_pace_plan(self, self->due - self->period);
	set(self);
}

/* The signal's periods are counted from where the last one's ended. What cp_timer_rest has counted
 * meanwhile is not counted again. A timer that is just being armed may ring at once: that is left
 * to cp_timer_rest, since the thread has done nothing yet. */
uint64_t cp_timer_rang(struct cp_thread *self, const siginfo_t *info)
{
	uint64_t from = self->due, ns = 0;

	if (CP_UNLIKELY(self->rare))
		return rang_rarely(self);
	self->next += (1 + (uint64_t)info->si_overrun) * self->period;
	if (self->timer_armed == ARMING)
		return 0;
	if (self->next > from) {
		self->due = self->next;
		ns = cp_pace_is_off() ? 0 : self->next - from;
	}
	if (CP_UNLIKELY(cp_pace_period() != self->period))
		change_pace(self);
	return ns;
}

int cp_timer_is_ours(const siginfo_t *info)
{
	return info->si_code == SI_TIMER && info->si_value.sival_ptr == cookie();
}

/* The first that this thread hears of this turn: of what it did since that began, a period is on
 * average before this tick. */
static uint64_t first_of_turn(struct cp_thread *self)
{
	cp_pace_plan(self, cp_timer_clock());
	self->turn = cp_itimer_turn();
	return self->rare ? 0 : self->period;
}

/* A rare tick of the process: the next one, or the first of many (of a new turn). */
static uint64_t itimer_rang_rarely(struct cp_thread *self)
{
	uint64_t ns = cp_pace_is_off() ? 0 : cp_pace_rare();

	if (cp_pace_period()) {
		atomic_fetch_add_explicit(&cp_state.turn, 1, memory_order_relaxed);
		if (!self->timer_armed)
			first_of_turn(self);
	}
	cp_itimer_again();
	return self->timer_armed ? 0 : ns;
}

/* ITIMER_PROF hits whichever thread the kernel picks and says nothing of the hits it merged (at
 * 1 kHz it delivers a fifth). So its tick stands for all CPU time of its thread since the last one:
 * totals are right, and what is charged to one stack is right on average. */
int64_t cp_itimer_rang(struct cp_thread *self, const siginfo_t *info)
{
	uint32_t on = atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed);
	uint64_t ns;

	if (info->si_code != SI_KERNEL || !on)
		return -1;
	if (!self->timer_armed)
		self->by_process = 1;
	if (cp_itimer_is_rare())
		return (int64_t)itimer_rang_rarely(self);
	if (!self->due &&
	    cp_itimer_turn() == 1) { /* a thread of whose beginning we have not heard */
		cp_timer_born(self);
		self->turn = 1;
	}
	if (self->timer_armed)
		ns = 0;
	else
		ns = self->turn == cp_itimer_turn() ? cp_timer_rest(self) : first_of_turn(self);
	if (CP_UNLIKELY(cp_pace_period() !=
			atomic_load_explicit(&cp_state.itimer_ns, memory_order_relaxed)))
		cp_itimer_again();
	return cp_pace_is_off() ? 0 : (int64_t)ns;
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
