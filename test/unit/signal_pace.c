/* signal_pace.c - ticks stop between two windows, and what windows hold is counted right. */
/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/control.h"
#include "base/draw.h"
#include "signal/itimer.h"
#include "signal/pace.h"
#include "signal/quiet.h"
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

/* However rarely the kernel looks: ten seconds are as good as never. */
static void burn_until_a_tick(void)
{
	uint64_t before = signals, end = cp_timer_clock() + 10000 * MS;

	while (signals == before && cp_timer_clock() < end)
		burn_until(cp_timer_clock() + MS / 10);
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

/* On a crowded machine the kernel may look much more rarely for a while: what it has not seen then
 * is no mistake of ours. A few attempts, until one was undisturbed; where one alone, of a second of
 * CPU time, takes so long as LATE there is no use in another. */
static void undisturbed(void (*attempt)(void))
{
	uint64_t late = cp_now_ns() + LATE;

	for (int i = 0; i < 5 && cp_now_ns() < late; i++) {
		longest = 0;
		attempt();
		if (longest <= LOOK)
			return;
	}
	skip();
}

/* ---- */

static void between_windows_ticks_are_rare(void **state)
{
	uint64_t from = cp_timer_clock(), all = 400 * MS;
	double mean = (double)all / (double)RARE;

	(void)state;
	start(RARELY);
	burn_until(from + all);
	cp_timer_disarm(&cp_self);
	assert_true((double)signals <= mean + beyond(mean));
	assert_true((double)signals >= mean - beyond(mean) - (double)(LOOK / PERIOD));
	/* each stands for the mean distance: so what they tell is right, if coarse */
	assert_int_equal(sum % RARE, 0);
	assert_true(fabs((double)sum - (double)all) <=
		    beyond(mean) * (double)RARE + (double)(RARE + LOOK));
}

static uint64_t in_window, stopped_signals;

static void close_a_window(void)
{
	uint64_t from = cp_timer_clock(), before;

	start(OPEN);
	burn_until(from + 100 * MS);
	in_window = sum;
	want(STOPPED);
	burn_until(from + 100 * MS + LOOK);
	before = signals;
	sum = 0;
	burn_until(from + 300 * MS + LOOK);
	cp_timer_disarm(&cp_self);
	stopped_signals = signals - before;
}

static void a_window_that_closes_stops_the_ticks(void **state)
{
	(void)state;
	undisturbed(close_a_window);
	assert_true(in_window >= 100 * MS - LOOK - PERIOD);
	assert_true((double)stopped_signals <= 20 + beyond(20));
	assert_int_equal(sum, 0);
}

enum { WINDOWS = 16 };
static uint64_t told_ns, spent_ns;

static void open_windows(void)
{
	const uint64_t open = 50 * MS, shut = 20 * MS;
	uint64_t at, began;

	told_ns = spent_ns = 0;
	start(RARELY);
	at = cp_timer_clock();
	for (int i = 0; i < WINDOWS; i++) {
		sum = 0; /* as the uploader passes over what was met until now */
		began = cp_timer_clock();
		want(OPEN);
		burn_until(at += open);
		want(i % 2 ? RARELY : STOPPED);
		told_ns += sum;
		spent_ns += cp_timer_clock() - began;
		at = cp_timer_clock();
		burn_until(at += shut);
	}
	cp_timer_disarm(&cp_self);
}

/* Window after window, by its own CPU clock: what is told of them is their length. */
static void windows_are_told_at_their_length(void **state)
{
	double may_be;

	(void)state;
	undisturbed(open_windows);
	may_be = beyond(WINDOWS * (double)RARE * (double)RARE) + 0.01 * (double)spent_ns;
	assert_true(fabs((double)told_ns - (double)spent_ns) <= may_be);
	assert_true(may_be < 0.25 * (double)spent_ns);
}

/* A tick that is late counts for all periods that are over: so what is told by then is known. */
static void a_new_rate_is_taken_up(void **state)
{
	uint64_t from = cp_timer_clock(), told, ticks, until;

	(void)state;
	start(OPEN);
	burn_until(from + 50 * MS);
	want(OPEN | 50 * MS);
	burn_until(from + 500 * MS);
	burn_until_a_tick();
	until = met;
	told = sum;
	ticks = signals;
	assert_int_equal(cp_self.period, 50 * MS);
	assert_true(ticks <= 60 * MS / PERIOD + 10);
	/* the first of the new ones may come at once, and stands for a whole period */
	assert_true(told + 51 * MS >= until - from && told <= until - from + 51 * MS);
	want(OPEN | 1); /* faster than may be: as it was set */
	burn_until_a_tick();
	cp_timer_disarm(&cp_self);
	assert_int_equal(cp_self.period, PERIOD);
}

/* A failed exec counts what is due, however long that has been, and lives on: its timer, which
 * rings once, has to ring again. */
static void a_look_between_two_ticks_stops_none(void **state)
{
	uint64_t from = cp_timer_clock(), told;

	(void)state;
	start(RARELY);
	want(OPEN);
	cp_self.due = 1;
	told = cp_timer_rest(&cp_self);
	assert_true(fabs((double)told - (double)from) <= 9 * (double)RARE);
	burn_until(from + 300 * MS);
	cp_timer_disarm(&cp_self);
	assert_true(sum >= 50 * MS);
}

static void who_was_quiet_goes_on_at_the_rate_that_is_wanted(void **state)
{
	struct itimerspec set;

	(void)state;
	start(OPEN | 50 * MS);
	assert_int_equal(cp_quiet_begin(0), 1);
	cp_quiet_end();
	assert_int_equal(syscall(SYS_timer_gettime, cp_self.timer_id, &set), 0);
	cp_timer_disarm(&cp_self);
	assert_int_equal(set.it_interval.tv_nsec, 50 * MS);
}

/* As when a thread locks all memory while another does: mlockall takes its time. */
static void who_comes_second_leaves_the_first_its_notes(void **state)
{
	struct cp_wiped *was;
	uint32_t phase;

	(void)state;
	start(OPEN | 50 * MS);
	was = cp_state.wiped;
	phase = cp_phase();
	assert_int_not_equal(phase, CP_OFF);
	assert_int_equal(cp_quiet_begin(0), 1);
	assert_int_equal(cp_quiet_begin(0), 0);
	cp_quiet_end();
	cp_timer_disarm(&cp_self);
	assert_ptr_equal(cp_state.wiped, was);
	assert_int_equal(cp_phase(), phase);
}

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
	    cmocka_unit_test(between_windows_ticks_are_rare),
	    cmocka_unit_test(a_window_that_closes_stops_the_ticks),
	    cmocka_unit_test(windows_are_told_at_their_length),
	    cmocka_unit_test(a_new_rate_is_taken_up),
	    cmocka_unit_test(a_look_between_two_ticks_stops_none),
	    cmocka_unit_test(who_was_quiet_goes_on_at_the_rate_that_is_wanted),
	    cmocka_unit_test(who_comes_second_leaves_the_first_its_notes),
	    cmocka_unit_test(a_late_tick_sets_no_timer_again),
	    cmocka_unit_test(a_rare_tick_that_is_lost_is_not_the_last),
	    cmocka_unit_test(short_threads_are_counted),
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
