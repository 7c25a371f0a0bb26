/* signal_pace_ends.c - ticks that are rare by the process's timer, and threads that end before one
 * comes. */
/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <sys/time.h>

#include "signal/itimer.h"
#include "test/unit/paced.h"

/* ---- the process's timer ---- */

static int itimer_runs(void)
{
	struct itimerval now;

	assert_int_equal(getitimer(ITIMER_PROF, &now), 0);
	return now.it_value.tv_sec || now.it_value.tv_usec;
}

static void rings(void)
{
	siginfo_t info = {.si_code = SI_KERNEL};

	cp_itimer_rang(&cp_self, &info);
}

/* It would outlive an exec, and end the next image: a tick that is late must not set it again. */
static void a_late_tick_sets_no_timer_again(void **state)
{
	(void)state;
	assert_true(signal(SIGPROF, SIG_IGN) != SIG_ERR);
	start(RARELY);
	cp_timer_disarm(&cp_self);
	cp_state.itimer_on = 2;
	rings();
	assert_int_equal(itimer_runs(), 1);
	assert_int_equal(cp_itimer_pause(), 1);
	rings();
	want(OPEN);
	rings();
	assert_int_equal(itimer_runs(), 0);
	cp_state.itimer_pauses = 0;
	rings();
	assert_int_equal(itimer_runs(), 1);
	assert_int_equal(cp_itimer_stop(), 1);
	cp_itimer_again(); /* its handler had begun before */
	assert_int_equal(itimer_runs(), 0);
	assert_int_equal(cp_state.itimer_on, 0);
}

/* Whoever ignores SIGPROF for a moment takes one away. */
static void a_rare_tick_that_is_lost_is_not_the_last(void **state)
{
	struct itimerval now;

	(void)state;
	start(RARELY);
	cp_timer_disarm(&cp_self);
	cp_state.itimer_on = 2;
	rings();
	assert_int_equal(getitimer(ITIMER_PROF, &now), 0);
	assert_true(now.it_interval.tv_sec || now.it_interval.tv_usec);
	cp_itimer_stop();
}

/* ---- threads that end before the kernel looks ---- */

struct lives {
	uint64_t told, spent;
};

/* It is off the processor, or its host is, whenever those like: its clock says how long it was. */
static void *live_briefly(void *arg)
{
	struct lives *lives = arg;

	memset(&cp_self, 0, sizeof cp_self);
	ready();
	cp_timer_born(&cp_self);
	cp_timer_arm(&cp_self);
	burn_until(MS);
	cp_timer_disarm(&cp_self);
	cp_self.not_due_ns = 0;
	lives->told += cp_timer_rest(&cp_self) + sum;
	lives->spent += cp_timer_clock();
	sum = 0;
	return NULL;
}

static struct lives brief_threads(unsigned count, uint64_t control)
{
	struct lives lives = {0};
	pthread_t thread;

	want(control);
	sum = 0;
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(pthread_create(&thread, NULL, live_briefly, &lives), 0);
		listen_to_ticks(); /* libc has put its own in front */
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	return lives;
}

/* Born in a window, each is off by less than a period; born between two, each has its chance to be
 * met, and then stands for many. */
static void short_threads_are_counted(void **state)
{
	const unsigned count = 250;
	struct lives fine, rare;
	double all, error;

	(void)state;
	fine = brief_threads(count, OPEN);
	all = (double)fine.spent;
	error = fabs((double)fine.told - all);
	assert_true(error <= beyond(count / 4.0) * (double)PERIOD + 0.1 * all);
	rare = brief_threads(count, RARELY);
	all = (double)rare.spent;
	error = fabs((double)rare.told - all);
	assert_true(error <= beyond(all / (double)RARE) * (double)RARE + 0.1 * all);
	assert_int_equal(brief_threads(count, STOPPED).told, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_late_tick_sets_no_timer_again),
	    cmocka_unit_test(a_rare_tick_that_is_lost_is_not_the_last),
	    cmocka_unit_test(short_threads_are_counted),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
