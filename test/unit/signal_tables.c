/* signal_tables.c - is each address found in its segment, whoever rewrites the list meanwhile? */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "signal/frames.h"
#include "signal/modules.h"
#include "test/unit/listed.h"
#include "test/unit/unit.h"

int cp_modules_changing(void)
{
	return 0;
}

static struct cp_segment found;

static void every_address_in_its_segment(void **state)
{
	static const uint64_t order[] = {7, 3, 9, 1, 8, 2, 6, 4, 5};

	(void)state;
	cp_tables_begin();
	for (size_t i = 0; i < 9; i++)
		add(order[i] << 20, 0x8000, order[i] % 2 ? (order[i] << 20) + 0x10100 : 0);
	assert_false(cp_tables_find(7 << 20, &found)); /* not shown yet */
	cp_tables_end();
	for (uint64_t i = 1; i <= 9; i++) {
		uint64_t at = i << 20;

		assert_false(cp_tables_find(at - 1, &found));
		assert_true(cp_tables_find(at, &found) && found.start == at);
		assert_true(cp_tables_find(at + 0x7fff, &found) && found.end == at + 0x8000);
		assert_int_equal(found.header, i % 2 ? at + 0x10100 : 0);
		assert_int_equal(found.low, i % 2 ? at + 0x10000 : 0);
		assert_int_equal(found.high, i % 2 ? at + 0x11000 : 0);
		assert_false(cp_tables_find(at + 0x8000, &found));
	}
	assert_false(cp_tables_find(0, &found));
	assert_false(cp_tables_find(UINT64_MAX, &found));
}

static void a_list_at_a_time(void **state)
{
	(void)state;
	cp_tables_begin();
	add(0x700000, 0x1000, 0);
	assert_true(cp_tables_find(0x900000, &found)); /* the old one */
	cp_tables_end();
	assert_false(cp_tables_find(0x900000, &found));
	assert_true(cp_tables_find(0x700000, &found));
	cp_tables_begin(); /* who began is not there any more: a forked child */
	add(0x800000, 0x1000, 0);
	cp_tables_begin();
	assert_true(cp_tables_find(0x700000, &found));
	cp_tables_end();
	assert_false(cp_tables_find(0x700000, &found));
	assert_false(cp_tables_find(0x800000, &found));
}

static void more_than_there_is_room_for(void **state)
{
	(void)state;
	cp_tables_begin();
	for (uint64_t i = 0; i < 1500; i++)
		add(0x1000000 - i * 0x1000, 0x800, 0);
	cp_tables_end();
	for (uint64_t i = 0; i < 1500; i++) {
		assert_int_equal(cp_tables_find(0x1000000 - i * 0x1000, &found), i < 1024);
		assert_true(i >= 1024 || found.start == 0x1000000 - i * 0x1000);
	}
}

/* A writer shows one list after the other: all segments of one have the same size. */
static volatile int stop;

static void *rewrite(void *arg)
{
	(void)arg;
	for (uint64_t size = 0x100; !stop; size = size == 0x100 ? 0x800 : 0x100) {
		cp_tables_begin();
		for (uint64_t i = 1; i < 60; i++)
			add(i << (size == 0x100 ? 12 : 13), size, 0);
		cp_tables_end();
	}
	return NULL;
}

static void readers_see_one_of_them(void **state)
{
	pthread_t writer;
	size_t hits = 0;

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* what was read in vain is thrown away by its version, which it does not know */
#endif
	stop = 0;
	pthread_create(&writer, NULL, rewrite, NULL);
	for (uint64_t i = 0; hits < 50000; i++) {
		uint64_t pc = ((i % 60 + 1) << 12) + 8;

		if (!cp_tables_find(pc, &found))
			continue;
		hits++;
		if (found.start != pc - 8 ||
		    (found.end - found.start != 0x100 && found.end - found.start != 0x800))
			fail_msg("%#lx lies in %#lx", (long)pc, (long)found.start);
	}
	stop = 1;
	pthread_join(writer, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_address_in_its_segment),
	    cmocka_unit_test(a_list_at_a_time),
	    cmocka_unit_test(more_than_there_is_room_for),
	    cmocka_unit_test(readers_see_one_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
