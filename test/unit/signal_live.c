/* signal_live.c - is a sampled block found again, and only it, however often and however crowded?
 */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "signal/live.h"
#include "test/unit/unit.h"

#define USUAL ((1u << 17) + (1u << 13) + (1u << 9))

static uint32_t rooms = USUAL;

static const void *block(uint64_t n)
{
	return (const void *)(uintptr_t)(0x7f0000000000 + n * 4096 + (n & 1) * 16);
}

/* As free() does it. */
static int take(const void *b, size_t *size, uint32_t *row)
{
	struct cp_lodger one;

	if (!cp_live_find(b, &one))
		return 0;
	cp_live_take(&one, size, row);
	return 1;
}

static void recognises_by_address(void **state)
{
	(void)state;
	assert_true(cp_live_possible(block(4)));
	assert_true(cp_live_possible(block(5)));
	assert_true(cp_live_possible(NULL));
	assert_false(cp_live_possible((void *)0x7f0000000020));
	assert_false(cp_live_possible((void *)0x7f0000000800));
}

static void takes_what_was_added(void **state)
{
	size_t size;
	uint32_t row;

	(void)state;
	assert_int_equal(take(block(1), &size, &row), 0);
	assert_int_equal(cp_live_add(block(1), 4711, 65535), 0);
	assert_int_equal(take(block(2), &size, &row), 0);
	assert_int_equal(take(block(1), &size, &row), 1);
	assert_int_equal(size, 4711);
	assert_int_equal(row, 65535);
	assert_int_equal(take(block(1), &size, &row), 0);
	assert_int_equal(cp_live_add(block(1), SIZE_MAX, 1), 0);
	assert_int_equal(take(block(1), &size, &row), 1);
	assert_int_equal(size, (UINT64_C(1) << 44) - 1);
}

/* Nine tenths of the rooms can be let; what is refused is refused, not lost. */
static void fills_up_and_empties(void **state)
{
	size_t size;
	uint32_t row, refused = 0;

	(void)state;
	for (uint32_t n = 0; n < rooms * 9 / 10; n++)
		refused += cp_live_add(block(n), n, n % 65536) != 0;
	assert_true(refused < rooms / 20);
	for (uint32_t n = 0; n < rooms * 9 / 10; n++)
		if (take(block(n), &size, &row)) {
			assert_int_equal(size, n);
			assert_int_equal(row, n % 65536);
		} else {
			refused--;
		}
	assert_int_equal(refused, 0);
}

static uint64_t seen;

static uint32_t next_row(size_t size, uint32_t row, int later, void *arg)
{
	(void)arg;
	assert_false(later);
	seen += size;
	return row + 1;
}

static void walks_over_all(void **state)
{
	const uint64_t many = rooms / 7; /* in all streets */
	size_t size;
	uint32_t row;

	(void)state;
	for (uint32_t n = 0; n < many; n++)
		assert_int_equal(cp_live_add(block(n), n, n), 0);
	seen = 0;
	cp_live_each(next_row, NULL);
	assert_int_equal(seen, many * (many - 1) / 2);
	for (uint32_t n = 0; n < many; n++) {
		assert_int_equal(take(block(n), &size, &row), 1);
		assert_int_equal(row, n + 1);
	}
}

static uint64_t ends, ended_bytes;

static void count(size_t size, uint32_t row)
{
	assert_int_equal(row, size % 7);
	ends++;
	ended_bytes += size;
}

/* Who leaves a room behind is not found in it, nor is the room let before it is cleared. */
static void rooms_that_were_left_are_cleared_once(void **state)
{
	struct cp_lodger one;
	size_t size;
	uint32_t row;

	(void)state;
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(cp_live_add(block(n), n, n % 7), 0);
	for (uint32_t n = 0; n < 1000; n += 2) {
		assert_int_equal(cp_live_find(block(n), &one), 1);
		assert_int_equal(cp_live_leave(&one), n);
		assert_int_equal(cp_live_find(block(n), &one), 0);
		if (n % 100 == 0)
			continue;
		assert_int_equal(cp_live_add(block(n), n + 1, (n + 1) % 7), 0);
	}
	assert_int_equal(cp_live_find(block(100), &one), 0);
	ends = ended_bytes = 0;
	cp_live_clear(count);
	assert_int_equal(ends, 500);
	assert_int_equal(ended_bytes, 500 * 499);
	cp_live_clear(count);
	assert_int_equal(ends, 500);
	for (uint32_t n = 0; n < 1000; n++)
		assert_int_equal(take(block(n), &size, &row), n % 100 != 0);
	assert_int_equal(cp_live_add(block(1), 5, 5), 0);
	assert_int_equal(cp_live_find(block(1), &one), 1);
	cp_live_leave(&one);
	assert_int_equal(cp_live_return(&one, &size, &row), 1);
	assert_int_equal(row, 5);
	assert_int_equal(cp_live_return(&one, &size, &row), 0);
	cp_live_clear(count);
	assert_int_equal(ends, 500);
}

#define THREADS 4
#define ROUNDS	200000

/* Each thread has its own addresses, as an allocator would give them, in the same houses. */
static void *churn(void *arg)
{
	uint64_t mine = (uintptr_t)arg;
	uintptr_t wrong = 0;
	size_t size;
	uint32_t row;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		const void *b = block(mine + (i % 512) * THREADS);

		if (cp_live_add(b, i, (uint32_t)mine) != 0)
			continue;
		wrong += !take(b, &size, &row) || size != i || row != mine;
	}
	return (void *)wrong;
}

static void threads_do_not_meet(void **state)
{
	pthread_t threads[THREADS];
	size_t size;
	uint32_t row;
	void *wrong;

	(void)state;
	for (uintptr_t t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, churn, (void *)t), 0);
	for (int t = 0; t < THREADS; t++) {
		pthread_join(threads[t], &wrong);
		assert_null(wrong);
	}
	for (uint64_t n = 0; n < 512 * THREADS; n++)
		assert_int_equal(take(block(n), &size, &row), 0);
}

int main(void)
{
	size_t unused;
	const struct CMUnitTest tests[] = {cmocka_unit_test(recognises_by_address),
					   cmocka_unit_test(takes_what_was_added),
					   cmocka_unit_test(fills_up_and_empties),
					   cmocka_unit_test(walks_over_all),
					   cmocka_unit_test(rooms_that_were_left_are_cleared_once),
					   cmocka_unit_test(threads_do_not_meet)};

	int failed;

	if (cp_live_open(0) != 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	if (cp_live_open(1) != 0 || !cp_live_unused(&unused))
		return 1;
	rooms = USUAL + (1u << 21);
	return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
