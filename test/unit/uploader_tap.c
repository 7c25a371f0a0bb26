/* uploader_tap.c - who asks at any moment gets what is new since, or all there ever was, and the
 * periods lose nothing by it. */
/* SPDX-License-Identifier: MIT */
#include "test/unit/tapped.h"

static void what_is_new_is_collected(void **state)
{
	struct home home;
	struct fake one, two, late;
	struct answer all, second;
	int64_t inuse;
	(void)state;
	move_in(&home);
	come(&home, &one, 0);
	come(&home, &two, 0);
	join(&home, &one, PID);
	join(&home, &two, PID + 1);
	allocate(&one, 1000, 0);
	order(&home, &all, LONG, 0);
	order(&home, &second, LONG, PID + 1);
	allocate(&one, 20, 0);
	allocate(&two, 300, 100);
	/* a period's end is no end of theirs */
	home.family.looked_ns = UINT64_MAX / 2; /* at processes that are none */
	cp_family_tick(&home.family, cp_text_monotonic() + UINT64_C(5000000000));
	assert_int_equal(home.family.programs->seq, 1);
	allocate(&two, 4000, 0);
	cp_family_ended(&home.family, cp_family_member(&home.family, PID + 1));
	come(&home, &late, 0);
	allocate(&late, 50000, 0);
	join(&home, &late, PID + 2);
	cp_taps_due(&home.family, cp_text_monotonic() + LONG);
	assert_int_equal(heard(&second, &inuse), 4300);
	assert_int_equal(inuse, 0);
	assert_int_equal(heard(&all, &inuse), 54320);
	assert_int_equal(inuse, 51020); /* what the one that is over had is gone */
	move_out(&home);
	assert_int_equal(all.times + second.times, 2);
	fake_free(&one);
	fake_free(&two);
	fake_free(&late);
}

/* The rest of the full one, and all of the one that takes its place. */
static void a_renewal_goes_on(void **state)
{
	struct home home;
	struct fake old, new;
	struct answer answer;
	(void)state;
	move_in(&home);
	come(&home, &old, 0);
	join(&home, &old, PID);
	allocate(&old, 1000, 0);
	order(&home, &answer, LONG, PID);
	allocate(&old, 20, 0);
	come(&home, &new, 1);
	fake_count(&new, 0, CP_INHERITED_BYTES, 1020);
	allocate(&new, 300, 0);
	join(&home, &new, PID);
	allocate(&new, 4000, 0);
	cp_taps_due(&home.family, cp_text_monotonic() + LONG);
	int64_t inuse, bytes = heard(&answer, &inuse);
	assert_int_equal(bytes, 4320);
	assert_int_equal(inuse, 5320);
	move_out(&home);
	fake_free(&old);
	fake_free(&new);
}

/* The same again in another file, since the target thought that nobody was there. */
static void a_move_goes_on(void **state)
{
	struct home home;
	struct fake old, new;
	struct answer answer;
	(void)state;
	move_in(&home);
	come(&home, &old, 0);
	join(&home, &old, PID);
	allocate(&old, 1000, 0);
	order(&home, &answer, LONG, 0);
	come(&home, &new, 0);
	allocate(&new, 1000, 0);
	allocate(&new, 300, 0);
	join(&home, &new, PID);
	cp_taps_due(&home.family, cp_text_monotonic() + LONG);
	assert_int_equal(heard(&answer, NULL), 300);
	move_out(&home);
	fake_free(&old);
	fake_free(&new);
}

/* Who slept has a recording of its own, that began later: what stood in for it is let go of. */
static void who_wakes_is_collected(void **state)
{
	struct home home;
	struct fake standin, own;
	struct answer answer;
	(void)state;
	move_in(&home);
	come(&home, &standin, 0);
	standin.rec->start_monotonic_ns = 1000;
	join(&home, &standin, PID);
	cp_family_member(&home.family, PID)->standin = 1;
	order(&home, &answer, LONG, 0);
	come(&home, &own, 0);
	own.rec->start_monotonic_ns = 2000;
	allocate(&own, 300, 0);
	join(&home, &own, PID);
	allocate(&own, 4000, 0);
	cp_taps_due(&home.family, cp_text_monotonic() + LONG);
	assert_int_equal(heard(&answer, NULL), 4300);
	move_out(&home);
	fake_free(&standin);
	fake_free(&own);
}

static int64_t total(struct home *home, int64_t *inuse)
{
	struct answer answer;
	order(home, &answer, 0, 0);
	return heard(&answer, inuse);
}

static void totals_never_fall(void **state)
{
	struct home home;
	struct fake one, two, new;
	int64_t inuse;
	(void)state;
	move_in(&home);
	come(&home, &one, 0);
	come(&home, &two, 0);
	join(&home, &one, PID);
	join(&home, &two, PID + 1);
	allocate(&one, 1000, 400);
	allocate(&two, 20, 0);
	assert_int_equal(total(&home, &inuse), 1020);
	assert_int_equal(inuse, 620);
	cp_family_flush(&home.family);
	assert_int_equal(total(&home, &inuse), 1020);
	cp_family_ended(&home.family, cp_family_member(&home.family, PID + 1));
	assert_int_equal(total(&home, &inuse), 1020);
	assert_int_equal(inuse, 600);
	come(&home, &new, 1);
	fake_count(&new, 0, CP_INHERITED_BYTES, 600);
	allocate(&new, 7, 0);
	join(&home, &new, PID);
	assert_int_equal(total(&home, &inuse), 1027);
	assert_int_equal(inuse, 607);
	/* one that is known for long comes once more */
	join(&home, &one, PID);
	assert_int_equal(total(&home, &inuse), 1027);
	move_out(&home);
	fake_free(&one);
	fake_free(&two);
	fake_free(&new);
}

static void who_leaves_is_told(void **state)
{
	struct home home;
	struct fake one;
	struct answer gone, waits;
	(void)state;
	move_in(&home);
	come(&home, &one, 0);
	join(&home, &one, PID);
	order(&home, &gone, LONG, 0);
	order(&home, &waits, LONG, 0);
	cp_tap_cancel(&home.family, &gone);
	assert_int_equal(gone.times, 1);
	assert_int_equal(gone.error, -ECANCELED);
	const struct cp_tap_order bad[] = {
	    {.profiles = HEAP, .deliver = deliver, .pid = 5, .length_ns = LONG},
	    {.profiles = HEAP, .deliver = deliver, .program = 5, .length_ns = LONG},
	    {.profiles = CP_BIT(CP_PROFILE_CPU), .deliver = deliver},
	    {.deliver = deliver, .length_ns = LONG},
	};
	const int errors[] = {-ESRCH, -ESRCH, -EINVAL, -EINVAL};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(cp_tap_open(&home.family, &bad[i]), errors[i]);
	move_out(&home);
	assert_int_equal(waits.times, 1);
	assert_int_equal(waits.error, -ECANCELED);
	assert_int_equal(gone.times, 1);
	fake_free(&one);
}

static void count(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error)
{
	struct answer *answer = ctx;
	(void)profiles;
	pthread_mutex_lock(&answer->lock);
	answer->times += !error;
	pthread_cond_signal(&answer->come);
	pthread_mutex_unlock(&answer->lock);
}

/* Who asks and goes away, again and again, fills no memory: what waits to be made is counted. */
static void too_many_are_refused(void **state)
{
	struct home home;
	struct fake one;
	struct answer answer;
	int taken = 0, error;
	(void)state;
	const struct cp_tap_order wanted = {.profiles = HEAP, .deliver = count, .ctx = &answer};
	move_in(&home);
	come(&home, &one, 0);
	join(&home, &one, PID);
	begin(&answer);
	pthread_mutex_lock(&answer.lock); /* the first stands still in its delivery */
	while (!(error = cp_tap_open(&home.family, &wanted)) && taken < 1000)
		taken++;
	assert_int_equal(error, -EAGAIN);
	assert_in_range(taken, CP_ASKED_MAX, CP_ASKED_MAX + 1);
	while (answer.times < taken)
		pthread_cond_wait(&answer.come, &answer.lock);
	pthread_mutex_unlock(&answer.lock);
	assert_int_equal(cp_tap_open(&home.family, &wanted), 0);
	move_out(&home);
	fake_free(&one);
}

static int is_open(const struct fake *fake)
{
	return !!(atomic_load(&fake->rec->control) & CP_WANT_CPU);
}

/* A CPU window is open as long as somebody collects what it lets in, and no longer. */
static void windows_are_given_back(void **state)
{
	struct home home;
	struct fake one;
	struct answer page, top, last, heap;
	struct cp_tap_order cpu = {
	    .profiles = CP_BIT(CP_PROFILE_CPU), .length_ns = LONG, .deliver = deliver};
	(void)state;
	move_in(&home);
	come(&home, &one, 0);
	join(&home, &one, PID);
	home.family.programs->schedule.cpu_open = 0;
	cp_control_tell(&home.family, home.family.programs, 0);
	order(&home, &heap, LONG, 0);
	assert_false(is_open(&one));
	begin(&page);
	cpu.ctx = &page;
	assert_int_equal(cp_tap_open(&home.family, &cpu), 0);
	begin(&top);
	cpu.ctx = &top;
	cpu.asker = 7;
	assert_int_equal(cp_tap_open(&home.family, &cpu), 0);
	assert_true(is_open(&one));
	cp_tap_cancel(&home.family, &page);
	cp_tap_leave(&home.family, 6);
	assert_true(is_open(&one));
	assert_int_equal(page.error, -ECANCELED);
	assert_int_equal(top.times, 0);
	cp_tap_leave(&home.family, 7);
	assert_int_equal(top.error, -ECANCELED);
	assert_false(is_open(&one));
	begin(&last);
	cpu.ctx = &last;
	cpu.length_ns = 1000;
	assert_int_equal(cp_tap_open(&home.family, &cpu), 0);
	assert_true(is_open(&one));
	cp_taps_due(&home.family, cp_text_monotonic() + 1000000000);
	assert_false(is_open(&one));
	move_out(&home);
	assert_int_equal(page.times + top.times + last.times + heap.times, 4);
	free(last.profiles[CP_PROFILE_CPU].data);
	fake_free(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_new_is_collected), cmocka_unit_test(a_renewal_goes_on),
	    cmocka_unit_test(a_move_goes_on),		cmocka_unit_test(who_wakes_is_collected),
	    cmocka_unit_test(totals_never_fall),	cmocka_unit_test(who_leaves_is_told),
	    cmocka_unit_test(too_many_are_refused),	cmocka_unit_test(windows_are_given_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
