/* uploader_tidy.c - proves that a spool heals: dead writers, damage, age. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>

#include "touched.h"
#include "uploader/intact.h"

/* What may lie in an entry's place; the next one is had all the same, and the damaged one is gone
 * from the spool, into the folder that a person may look at. */
static void damage_is_set_aside_and_blocks_nobody(void **state)
{
#define ONE "app-9-20260413T120001Z-1"
	static const char *const damages[] = {
	    "truncate -s -5 " ONE ".cpu.pprof",
	    "printf x >>" ONE ".cpu.pprof",
	    "truncate -s 0 " ONE ".cpu.pprof",
	    "printf 'XYZ' | dd of=" ONE ".cpu.pprof bs=1 seek=40 conv=notrunc status=none",
	    "rm " ONE ".cpu.pprof && printf '{\"attachments\":[\"cpu.pprof\"]}' >" ONE
	    ".event.json",
	    "printf '{\"a\":[1}' >" ONE ".event.json",
	    "printf '{\"a' >" ONE ".event.json",
	    "printf '{}x' >" ONE ".event.json",
	    ": >" ONE ".event.json",
	    "rm " ONE ".event.json && mkdir " ONE ".event.json",
	    "rm " ONE ".event.json && mkfifo " ONE ".event.json",
	    "rm " ONE ".event.json && ln -s /etc/passwd " ONE ".event.json",
	    "rm " ONE ".cpu.pprof && mkdir -p " ONE ".cpu.pprof/deep",
	    "rm " ONE ".cpu.pprof && ln -s /dev/zero " ONE ".cpu.pprof",
	    "for m in " ONE ".send-to.*; do printf nonsense >$m; done",
	    "for m in " ONE ".send-to.*; do : >$m; done",
	    "for m in " ONE ".send-to.*; do rm $m; mkfifo $m; done",
	    "for m in " ONE ".send-to.*; do rm $m; mkdir $m; done",
	    "for m in " ONE ".send-to.*; do rm $m; ln -s /etc/passwd $m; done",
	};
	(void)state;
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		struct cp_spool spool;
		uint64_t dropped = 0, entries;
		assert_int_equal(put(1, TO, 100, &dropped), 0);
		assert_int_equal(put(2, TO, 100, &dropped), 0);
		in_spool(damages[i]);
		in_spool("touch -h -d '1 hour ago' .* * 2>/dev/null || true");
		if (next(&spool) != 2 || spool.damaged != 1)
			fail_msg("after '%s': %u damaged", damages[i], (unsigned)spool.damaged);
		assert_string_equal(spool.last, ONE);
		assert_int_equal(files(ONE "*"), 0);
		assert_true(files("corrupt/" ONE "*") > 0);
		assert_int_equal(next(&spool), 2);
		assert_int_equal(spool.damaged, 0); /* told once */
		cp_spool_bytes(&spool, &entries);
		assert_int_equal(entries, 1);
		in_spool("rm -rf corrupt app*");
	}
}

static void what_is_set_aside_is_bounded(void **state)
{
	struct cp_spool spool;
	uint64_t dropped = 0;
	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(put(1, TO, 100, &dropped), 0);
		in_spool("printf x >>" ONE ".cpu.pprof");
		in_spool(i ? "for i in $(seq 64); do : >corrupt/$i; done" : "true");
		assert_int_equal(next(&spool), -1);
		assert_int_equal(spool.damaged, 1);
		assert_int_equal(files(ONE "*"), 0);
		assert_int_equal(files("corrupt/" ONE "*"), 3 - 3 * i);
		in_spool("rm -f corrupt/app*");
	}
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	in_spool("printf x >>" ONE ".cpu.pprof; rm -rf corrupt; : >corrupt");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(files(ONE "*"), 0);
}

/* A writer who was killed had given no event its name: at once where what would have become it is
 * there and held by nobody, else after a minute. */
static void what_dead_writers_left_goes(void **state)
{
	struct cp_spool spool;
	uint64_t dropped = 0, entries;
	char part[200];
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	in_spool("mv " ONE ".event.json ." ONE ".event.json.part && : >." ONE ".cpu.pprof.77");
	snprintf(part, sizeof part, "%s/spool/." ONE ".event.json.part", base);
	int writer = open(part, O_RDONLY);
	assert_int_equal(flock(writer, LOCK_EX), 0);
	assert_int_equal(next(&spool), -1);
	assert_int_equal(files("*app*"), 4); /* he lives */
	cp_spool_bytes(&spool, &entries);
	assert_int_equal(entries, 0);
	close(writer);
	assert_int_equal(next(&spool), -1);
	assert_int_equal(spool.unfinished, 1);
	assert_int_equal(files("*app*"), 0);
	/* an event without marks is what all have; of an older version it may be half an entry */
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	in_spool("rm *.send-to.*");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(files("*app*"), 2);
	in_spool("touch -d '2 minutes ago' app*");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(files("*app*"), 0);
	assert_int_equal(spool.unfinished, 0);
	/* a file's time may be ahead of a clock that ticks more coarsely */
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	in_spool("rm *.send-to.*; touch -d '1 second' app*");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(files("*app*"), 2);
	in_spool("rm app*");
	/* what is not ours to touch */
	in_spool(": >.app-1.cpu.pprof; : >notes.txt; : >.hidden; touch -d '1 day ago' .[a-z]* *");
	next(&spool);
	assert_int_equal(files("notes.txt") + files(".hidden") + files(".app-1.cpu.pprof"), 3);
}

/* Its writer makes the name, then holds it: between the two he is no dead one, for a minute. */
static void what_has_just_begun_stays(void **state)
{
	struct cp_spool spool;
	(void)state;
	assert_int_equal(next(&spool), -1);
	in_spool(": >." ONE ".event.json.part");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(spool.unfinished, 0);
	assert_int_equal(files("." ONE "*"), 1);
	in_spool("touch -d '2 minutes ago' ." ONE ".event.json.part");
	assert_int_equal(next(&spool), -1);
	assert_int_equal(spool.unfinished, 1);
	assert_int_equal(files("." ONE "*"), 0);
}

static void the_old_go_but_for_those_that_somebody_sends(void **state)
{
	struct cp_spool spool;
	struct cp_claim claim;
	struct cp_parcel *got, *like = parcel(0, TO, 1);
	uint64_t dropped = 0;
	(void)state;
	for (int i = 1; i < 4; i++)
		assert_int_equal(put(i, TO, 100, &dropped), 0);
	like->config.spool_max_age_s = 3600;
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	spool.max_age_s = 0;
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), 0);
	cp_parcel_free(got);
	spool.max_age_s = 3600;
	struct cp_claim other;
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &other, &got), -ENOENT);
	assert_int_equal(spool.old, 2);
	assert_int_equal(files("*.event.json"), 1);
	assert_int_equal(files(ONE "*"), 3);
	cp_spool_release(&claim, 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &other, &got), -ENOENT);
	assert_int_equal(spool.old, 3);
	assert_int_equal(files("*app*"), 0);
	cp_parcel_free(like);
}

/* What says how a destination failed goes when nobody has tried it for as long as profiles are
 * kept, or for a week; a name that is only like it stays. */
static void old_notes_go(void **state)
{
	struct cp_spool spool;
	uint64_t dropped = 0;
	(void)state;
	assert_int_equal(put(1, TO, 100, &dropped), 0);
	in_spool("for n in retry.0123456789abcde1 retry.0123456789abcde2 "
		 "retry.0123456789abcde3 .retry.0123456789abcdef.77 retry.me; do "
		 "echo conprof-retry 1 3 1 x >$n; done");
	in_spool(
	    "touch -d '8 days ago' retry.*1 .retry.* retry.me; touch -d '2 days ago' retry.*2");
	assert_int_equal(next(&spool), 1);
	assert_int_equal(files("retry.*"), 3);
	assert_int_equal(files(".retry.*") + files("retry.*1"), 0);
	struct cp_parcel *like = parcel(0, TO, 1);
	struct cp_claim claim;
	struct cp_parcel *got;
	like->config.spool_max_age_s = 86400;
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), -ENOENT);
	assert_int_equal(files("retry.*"), 2);
	assert_int_equal(files("retry.*3") + files("retry.me"), 2);
	/* who waits for his next attempt, at most some minutes, goes by it */
	in_spool("touch -d '10 minutes ago' retry.*3");
	like->config.spool_max_age_s = 60;
	assert_int_equal(cp_spool_open(&spool, &like->config), 0);
	assert_int_equal(cp_spool_claim(&spool, &like->config, TO, &claim, &got), -ENOENT);
	assert_int_equal(files("retry.*3"), 1);
	cp_parcel_free(like);
}

static void events_are_read_with_care(void **state)
{
	static const char *const good[] = {"{}\n", "{\"a\":[{\"b\":\"}\\\"]\"}]} \n",
					   "{\"a\":\"\xc3\xa9\"}", "{\"\\u0001\\\\\\n\\\"\":1}"};
	static const char *const bad[] = {"",	 "[]",	  "{",	       "}",    "{]",  "{}}",
					  "{\"", "{\"\\", "{\"a\n\"}", "{}{}", "x{}", "{\"a\":\"}"};
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(cp_intact_event(good[i], strlen(good[i])));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(cp_intact_event(bad[i], strlen(bad[i])));
	assert_false(cp_intact_event("{\0}", 3));
	assert_false(cp_intact_event("{\"\\\0\"}", 6));
	assert_false(cp_intact_event("{\"\\\n\"}", 6));
	assert_false(cp_intact_event("{\"\\x\"}", 6));
	assert_true(cp_intact_set("{\"attachments\":[\"cpu.pprof\"]}", CP_BIT(CP_PROFILE_CPU)));
	assert_false(cp_intact_set("{\"attachments\":[\"cpu.pprof\"]}", 0));
	assert_false(cp_intact_set("{\"attachments\":[\"delta-heap.pprof\",\"cpu.pprof\"]}",
				   CP_BIT(CP_PROFILE_CPU)));
	assert_true(cp_intact_set("{\"attachments\":null,\"x\":\"cpu.pprof\"}", 0));
}

int main(void)
{
#define WITH_BASE(test) cmocka_unit_test_setup_teardown(test, make_base, drop_base)
	const struct CMUnitTest tests[] = {
	    WITH_BASE(damage_is_set_aside_and_blocks_nobody),
	    WITH_BASE(what_is_set_aside_is_bounded),
	    WITH_BASE(what_dead_writers_left_goes),
	    WITH_BASE(what_has_just_begun_stays),
	    WITH_BASE(the_old_go_but_for_those_that_somebody_sends),
	    WITH_BASE(old_notes_go),
	    cmocka_unit_test(events_are_read_with_care),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
