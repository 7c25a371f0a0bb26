/* signal_trail.c - proves signal/trail.c: which addresses of a deep stack are kept, and in which
 * order. */
/* SPDX-License-Identifier: MIT */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/recording.h"
#include "signal/trail.h"

#define MAX  512
#define LEAF (MAX - CP_TRAIL_ROOT - 1)

static uint64_t pcs[MAX];
static unsigned flags;

/* A stack whose frames are 1000, 1001, ... */
static size_t walk_to(size_t depth, size_t max, int at_root)
{
	struct cp_trail trail = {.pcs = pcs, .max = max, .at_root = at_root};

	flags = 0;
	for (size_t i = 0; i < depth && cp_trail_add(&trail, 1000 + i); i++)
		;
	return cp_trail_end(&trail, &flags);
}

static size_t walk(size_t depth, size_t max)
{
	return walk_to(depth, max, 1);
}

static void what_fits_is_whole(void **state)
{
	(void)state;
	for (size_t depth = 0; depth <= MAX; depth += 128) {
		assert_int_equal(walk(depth, MAX), depth);
		assert_int_equal(flags, 0);
		for (size_t i = 0; i < depth; i++)
			assert_int_equal(pcs[i], 1000 + i);
	}
}

static void a_deep_stack_has_both_ends(void **state)
{
	static const size_t depths[] = {MAX + 1,   MAX + 2, MAX + 127, MAX + 128,
					MAX + 129, 10000,   65536};

	(void)state;
	for (size_t d = 0; d < sizeof depths / sizeof *depths; d++) {
		size_t depth = depths[d], left_out = depth - (MAX - 1), k = 0;

		while (left_out >> (k + 1))
			k++;
		assert_int_equal(walk(depth, MAX), MAX);
		assert_int_equal(flags, CP_ROW_GAP);
		for (size_t i = 0; i < LEAF; i++)
			assert_int_equal(pcs[i], 1000 + i);
		assert_true(pcs[LEAF] == (CP_FRAME_GAP | k));
		for (size_t i = 0; i < CP_TRAIL_ROOT; i++)
			assert_int_equal(pcs[LEAF + 1 + i], 1000 + depth - CP_TRAIL_ROOT + i);
	}
}

static void a_hopeless_one_says_that_its_root_is_missing(void **state)
{
	(void)state;
	assert_int_equal(walk(1 << 20, MAX), MAX - CP_TRAIL_ROOT);
	assert_int_equal(flags, CP_ROW_TRUNCATED);
	assert_int_equal(pcs[MAX - CP_TRAIL_ROOT - 1], 1000 + MAX - CP_TRAIL_ROOT - 1);
}

static void a_missing_root_is_told(void **state)
{
	(void)state;
	assert_int_equal(walk_to(10, MAX, 0), 10);
	assert_int_equal(flags, CP_ROW_ENDED_EARLY);
	assert_int_equal(walk_to(MAX + 10, MAX, 0), MAX);
	assert_int_equal(flags, CP_ROW_GAP | CP_ROW_ENDED_EARLY);
	/* nobody went to see */
	walk_to(1 << 20, MAX, 0);
	assert_int_equal(flags, CP_ROW_TRUNCATED);
}

static void a_small_array_is_just_filled(void **state)
{
	(void)state;
	assert_int_equal(walk(100, 10), 10);
	assert_int_equal(flags, CP_ROW_TRUNCATED);
	assert_int_equal(pcs[9], 1009);
}

static void what_was_no_frame_is_taken_back(void **state)
{
	struct cp_trail trail = {.pcs = pcs, .max = MAX};

	(void)state;
	cp_trail_drop(&trail);
	assert_int_equal(trail.n, 0);
	cp_trail_add(&trail, 1);
	cp_trail_add(&trail, 2);
	cp_trail_drop(&trail);
	assert_int_equal(cp_trail_end(&trail, &flags), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_fits_is_whole),
	    cmocka_unit_test(a_deep_stack_has_both_ends),
	    cmocka_unit_test(a_hopeless_one_says_that_its_root_is_missing),
	    cmocka_unit_test(a_missing_root_is_told),
	    cmocka_unit_test(a_small_array_is_just_filled),
	    cmocka_unit_test(what_was_no_frame_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
