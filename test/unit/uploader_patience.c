/* uploader_patience.c - proves that a dead agent is left alone, in simulated time: by one uploader,
 * by programs that come and go, by many at once. */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <sys/stat.h>

#include "spooled.h"
#include "uploader/patience.h"

#define S    UINT64_C(1000000000)
#define HOUR (3600 * S)
#define REAL INT64_C(1790000000000000000)

/* xorshift: the same numbers in each run. */
static uint64_t chance(void)
{
	static uint64_t x = UINT64_C(88172645463325252);
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return x;
}

/* One that lives, with a parcel each 45 s and what is in the spool tried whenever it may: few
 * attempts in an hour; and when the agent is back, it is noticed within the longest back-off. */
static void an_hour_costs_few_attempts(void **state)
{
	(void)state;
	for (int run = 0; run < 300; run++) {
		struct cp_retry retry = {0};
		unsigned attempts = 0, late = 0;
		uint64_t now = 0;
		for (; now < HOUR; now += S) {
			if (!cp_retry_may(&retry, now))
				continue;
			attempts++;
			late += now > HOUR / 2;
			cp_retry_failed(&retry, now, chance());
		}
		/* full jitter over 5 minutes: one in 150 s on the average; 2^-40 for as many as
		 * this */
		assert_in_range(attempts, 5, 100);
		assert_in_range(late, 1, 60);
		assert_true(retry.next_ns <= HOUR + CP_RETRY_CAP_MS * UINT64_C(1000000));
	}
}

/* Programs that live for two seconds, one after the other, all of an hour: each has a parcel at its
 * end, when there is no later for it. */
static void programs_that_come_and_go_share_their_patience(void **state)
{
	char note[CP_PATIENCE_MAX] = "";
	unsigned attempts = 0, without = 0;
	(void)state;
	for (uint64_t now = S; now < HOUR; now += 2 * S) {
		struct cp_retry retry = {.next_ns = now}, known;
		uint64_t boot = chance() % HOUR; /* their clocks differ, but for the world's */
		if (cp_patience_read(note, now + boot, REAL + (int64_t)now, &known)) {
			retry.next_ns += boot;
			cp_retry_adopt(&retry, &known, chance());
		}
		without++;
		if (!cp_retry_may_at_last(&retry, now + boot))
			continue;
		attempts++;
		cp_retry_failed(&retry, now + boot, chance());
		cp_patience_write(&retry, now + boot, REAL + (int64_t)now, "tcp://a:1", note);
	}
	assert_int_equal(without, 1800);
	assert_in_range(attempts, CP_RETRY_PATIENT, 120);
}

/* Many that live and share a spool do not come as one when the time has come that one has noted. */
static void many_do_not_come_as_one(void **state)
{
	struct cp_retry noted = {.failures = 9, .next_ns = 100 * S};
	unsigned seconds[20] = {0}, most = 0;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct cp_retry mine = {.failures = 1, .next_ns = 3 * S};
		cp_retry_adopt(&mine, &noted, chance());
		assert_int_equal(mine.failures, 9);
		assert_in_range(mine.next_ns, 100 * S, 116 * S);
		seconds[(mine.next_ns - 100 * S) / S]++;
	}
	for (int i = 0; i < 20; i++)
		most = seconds[i] > most ? seconds[i] : most;
	assert_true(most < 120);
	/* one was let in: nobody waits any more */
	struct cp_retry mine = {.failures = 9, .next_ns = 100 * S}, none = {0};
	cp_retry_adopt(&mine, &none, chance());
	assert_true(cp_retry_may(&mine, S));
	/* what is known already moves nothing */
	mine = (struct cp_retry){.failures = 12, .next_ns = 200 * S};
	cp_retry_adopt(&mine, &noted, chance());
	assert_int_equal(mine.failures, 12);
	assert_int_equal(mine.next_ns, 200 * S);
	/* nor does our own note, by which we else would wait for ever */
	noted = (struct cp_retry){.failures = 12, .next_ns = 200 * S + 1500000};
	cp_retry_adopt(&mine, &noted, chance());
	assert_int_equal(mine.next_ns, 200 * S);
}

static void notes_are_read_with_care(void **state)
{
	static const char *const bad[] = {
	    "",
	    "conprof-retry 1 ",
	    "conprof-retry 1 3 5",
	    "conprof-retry 2 3 5 x\n",
	    "conprof-retry 1 0 5 x\n",
	    "conprof-retry 1 -3 5 x\n",
	    "conprof-retry 1 1001 5 x\n",
	    "conprof-retry 1 3 9999999999999999 x\n",
	    "conprof-retry 1 3 x\n",
	    "nonsense\n",
	};
	char text[CP_PATIENCE_MAX];
	struct cp_retry retry = {.failures = 7, .next_ns = 30 * S}, got;
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(cp_patience_read(bad[i], S, REAL, &got));
		assert_int_equal(got.failures, 0);
	}
	assert_true(cp_patience_write(&retry, 10 * S, REAL, "tcp://a:1", text) > 20);
	assert_true(cp_patience_read(text, 500 * S, REAL + (int64_t)(5 * S), &got));
	assert_int_equal(got.failures, 7);
	assert_int_equal(got.next_ns, 515 * S);
	/* long ago: at once, but not as if nothing had been */
	assert_true(cp_patience_read(text, S, REAL + (int64_t)HOUR, &got));
	assert_int_equal(got.next_ns, S);
	assert_int_equal(got.failures, 7);
	/* a clock that was set back by a day */
	assert_true(cp_patience_read(text, S, REAL - (int64_t)(24 * HOUR), &got));
	assert_int_equal(got.next_ns, S + CP_RETRY_CAP_MS * UINT64_C(1000000));
}

/* The file: found by the next one, of this destination alone; without a password; taken down. */
static void a_note_lies_in_the_spool(void **state)
{
#define SECRET "pyroscope+http://me:geheim@p:4040"
	struct cp_retry retry = {.failures = 3, .next_ns = UINT64_MAX / 2}, got;
	struct cp_spool spool;
	struct cp_parcel *like = parcel(0, TO, 1);
	char command[200];
	(void)state;
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	cp_parcel_free(like);
	cp_patience_load(&spool, SECRET, &got);
	assert_int_equal(got.failures, 0);
	assert_int_equal(cp_patience_save(&spool, SECRET, &retry), 0);
	cp_patience_load(&spool, SECRET, &got);
	assert_int_equal(got.failures, 3);
	cp_patience_load(&spool, TO, &got);
	assert_int_equal(got.failures, 0);
	snprintf(command, sizeof command, "! grep -rq geheim %s/spool && grep -rq p:4040 %s/spool",
		 base, base);
	assert_int_equal(system(command), 0);
	assert_int_equal(files("retry.*"), 1);
	retry.failures = 0;
	assert_int_equal(cp_patience_save(&spool, SECRET, &retry), 0);
	assert_int_equal(files("retry.*"), 0);
	snprintf(command, sizeof command, "cd %s/spool && ln -s /etc/passwd retry.%016llx", base,
		 (unsigned long long)cp_address_number(TO));
	assert_int_equal(system(command), 0);
	cp_patience_load(&spool, TO, &got);
	assert_int_equal(got.failures, 0);
}

int main(void)
{
#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, drop_base)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_hour_costs_few_attempts),
	    cmocka_unit_test(programs_that_come_and_go_share_their_patience),
	    cmocka_unit_test(many_do_not_come_as_one),
	    cmocka_unit_test(notes_are_read_with_care),
	    WITH_BASE(a_note_lies_in_the_spool),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
