/* signal_pace.c - ticks stop between two windows, and what windows hold is counted right. */
/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <sys/syscall.h>
#include <time.h>

#include "signal/quiet.h"
#include "test/unit/paced.h"

/* However rarely the kernel looks: ten seconds are as good as never. */
static void burn_until_a_tick(void)
{
	uint64_t before = signals, end = cp_timer_clock() + 10000 * MS;

	while (signals == before && cp_timer_clock() < end)
		burn_until(cp_timer_clock() + MS / 10);
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
	};
	return cmocka_run_group_tests(tests, begin, NULL);
}
