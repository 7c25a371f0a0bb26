/* signal_stacks.c - does each distinct stack get one row, and is what has no room counted? */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "signal/recording.h"
#include "signal/stacks.h"
#include "signal/state.h"
#include "test/unit/unit.h"

/* What a copy takes its settings from. */
static struct cp_config no_settings;

static struct cp_recording *fresh(void)
{
	int fd;
	struct cp_recording *rec = cp_recording_make(&fd);

	cp_home.config = &no_settings;
	assert_non_null(rec);
	close(fd);
	return rec;
}

/* The nth of any number of stacks, each with its own frames: two "functions" by the bits of n. */
static size_t stack_to_order(uint64_t n, uint64_t pcs[32])
{
	for (int i = 0; i < 20; i++)
		pcs[i] = 0x400000 + (n >> i & 1) * 0x1000;
	return 20;
}

static void same_stack_same_row(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[32];
	size_t depth = stack_to_order(5, pcs);
	enum cp_loss why;
	uint32_t row =
	    cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, CP_ROW_LEAF_IS_PC, &why);

	(void)state;
	assert_int_equal(row, 0);
	assert_int_equal(
	    cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, CP_ROW_LEAF_IS_PC, &why), row);
	assert_int_not_equal(cp_stack_row(rec, cp_whose(CP_KIND_HEAP, 0), pcs, depth, 0, &why),
			     row);
	assert_int_not_equal(
	    cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth - 1, CP_ROW_LEAF_IS_PC, &why),
	    row);
	assert_int_equal(rec->rows_used, 3);
	cp_row_add(rec, CP_KIND_CPU, row, why, CP_CPU_NS, 7);
	assert_int_equal(cp_rows(rec)[row].counts.n[CP_CPU_NS], 7);
	assert_memory_equal(cp_frames(rec) + cp_rows(rec)[row].frames_at, pcs, depth * 8);
	cp_recording_drop(rec);
}

/* The frames stand there once: of the second row there are two words, about it and where they are.
 */
static void whose_it_is_makes_a_row(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[32], words;
	size_t depth = stack_to_order(5, pcs);
	enum cp_loss why;
	uint32_t first = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 1), pcs, depth, 0, &why), second;

	(void)state;
	words = rec->frames_used;
	second = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 2), pcs, depth, 0, &why);
	assert_int_not_equal(first, second);
	assert_int_equal(rec->frames_used, words + 2);
	assert_int_equal(cp_frames(rec)[cp_rows(rec)[second].frames_at - 1] >> 32, 2);
	assert_int_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 1), pcs, depth, 0, &why), first);
	assert_int_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 2), pcs, depth, 0, &why), second);
	cp_recording_drop(rec);
}

/* Then they share; who has a row keeps it. */
static void nearly_full_there_is_no_whose(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[32];
	size_t depth = stack_to_order(5, pcs);
	enum cp_loss why;
	uint32_t old = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 1), pcs, depth, 0, &why), shared;

	(void)state;
	rec->rows_used = (uint32_t)(rec->rows.max / 4 * 3);
	shared = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 2), pcs, depth, 0, &why);
	assert_int_equal(shared, rec->rows.max / 4 * 3);
	assert_int_equal(cp_frames(rec)[cp_rows(rec)[shared].frames_at - 1] >> 32, 0);
	assert_int_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 3), pcs, depth, 0, &why), shared);
	assert_int_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 1), pcs, depth, 0, &why), old);
	cp_recording_drop(rec);
}

/* Another epoch: the same addresses are other code. */
static void epochs_are_told_apart(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[32];
	size_t depth = stack_to_order(5, pcs);
	enum cp_loss why;
	uint32_t row = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, 0, &why);

	(void)state;
	rec->epoch = 1;
	assert_int_not_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, 0, &why), row);
	assert_int_equal(cp_frames(rec)[cp_rows(rec)[row].frames_at - 1], 0);
	assert_int_equal(cp_frames(rec)[cp_rows(rec)[row + 1].frames_at - 1], 1);
	cp_recording_drop(rec);
}

static void a_full_table_is_a_loss(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[32], stored = 0, lost = 0, n = rec->rows.max + 1000;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		enum cp_loss why = CP_LOSSES;
		size_t depth = stack_to_order(i, pcs);
		uint32_t row = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, 0, &why);

		assert_true(row != CP_NO_ROW || why == CP_LOST_ROWS);
		stored += row != CP_NO_ROW;
		lost += row == CP_NO_ROW;
		cp_row_add(rec, CP_KIND_CPU, row, why, CP_CPU_NS, 1);
	}
	assert_int_equal(stored, rec->rows.max);
	assert_int_equal(rec->lost[CP_KIND_CPU][CP_LOST_ROWS].n[CP_CPU_NS], lost);
	cp_recording_drop(rec);
}

static void a_full_frame_pool_is_a_loss(void **state)
{
	struct cp_recording *rec = fresh();
	uint64_t pcs[CP_DEPTH];
	enum cp_loss why = CP_LOSSES;
	uint32_t row = 0;

	(void)state;
	for (uint64_t i = 0; i < rec->rows.max && row != CP_NO_ROW; i++) {
		for (int k = 0; k < CP_DEPTH; k++)
			pcs[k] = 0x1000 + i * CP_DEPTH + (uint64_t)k;
		row = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, CP_DEPTH, 0, &why);
	}
	assert_int_equal(row, CP_NO_ROW);
	assert_int_equal(why, CP_LOST_FRAMES);
	cp_recording_drop(rec);
}

static void no_frame_is_a_loss(void **state)
{
	struct cp_recording *rec = fresh();
	enum cp_loss why = CP_LOSSES;
	uint64_t pc = 1;

	(void)state;
	assert_int_equal(cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), &pc, 0, 0, &why), CP_NO_ROW);
	assert_int_equal(why, CP_LOST_UNWIND);
	cp_recording_drop(rec);
}

#define THREADS 4
#define STACKS	4000

static void *insert_all(void *arg)
{
	struct cp_recording *rec = arg;
	uint64_t pcs[32];

	for (uint64_t i = 0; i < STACKS; i++) {
		enum cp_loss why;
		size_t depth = stack_to_order(i, pcs);

		cp_row_add(rec, CP_KIND_CPU,
			   cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, 0, &why),
			   CP_LOST_ROWS, CP_CPU_NS, 1);
	}
	return NULL;
}

/* All insert the same stacks at once: nothing is lost, and each stack has one row that counts. */
static void threads_share_rows(void **state)
{
	struct cp_recording *rec = fresh();
	pthread_t threads[THREADS];
	uint64_t total = 0, counting = 0;

	(void)state;
	for (int t = 0; t < THREADS; t++)
		assert_int_equal(pthread_create(&threads[t], NULL, insert_all, rec), 0);
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t], NULL);
	for (uint32_t i = 0; i < rec->rows_used; i++) {
		total += cp_rows(rec)[i].counts.n[CP_CPU_NS];
		counting += cp_rows(rec)[i].counts.n[CP_CPU_NS] != 0;
	}
	assert_int_equal(total, THREADS * STACKS);
	assert_int_equal(counting, STACKS);
	cp_recording_drop(rec);
}

/* ---- the file itself ---- */

static void a_small_limit_gives_a_small_recording(void **state)
{
	struct cp_recording *large = fresh(), *small;
	struct rlimit before, limit;
	int fd;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 4 << 20;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	small = fresh();
	limit.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	assert_null(cp_recording_make(&fd));
	assert_true(fd < 0);
	setrlimit(RLIMIT_FSIZE, &before);
	assert_true(small->rows.max < large->rows.max);
	cp_recording_drop(small);
	cp_recording_drop(large);
}

static void a_copy_is_the_same(void **state)
{
	struct cp_recording *from = fresh(), *to = fresh();
	uint64_t pcs[32];
	enum cp_loss why;
	uint32_t row = 0;

	(void)state;
	for (uint64_t i = 0; i < 100; i++) {
		row = cp_stack_row(from, cp_whose(CP_KIND_HEAP, 0), pcs, stack_to_order(i, pcs), 0,
				   &why);
		cp_row_add(from, CP_KIND_HEAP, row, why, CP_ALLOC_BYTES, i);
	}
	from->heartbeat_ns = 5;
	cp_recording_copy(to, from);
	assert_int_equal(to->heartbeat_ns, CP_HEARTBEAT_NEVER);
	assert_int_equal(cp_stack_row(to, cp_whose(CP_KIND_HEAP, 0), pcs, 20, 0, &why), row);
	assert_int_equal(cp_rows(to)[row].counts.n[CP_ALLOC_BYTES], 99);
	assert_int_equal(to->rows_used, 100);
	cp_recording_drop(from);
	cp_recording_drop(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(same_stack_same_row),
					   cmocka_unit_test(whose_it_is_makes_a_row),
					   cmocka_unit_test(nearly_full_there_is_no_whose),
					   cmocka_unit_test(epochs_are_told_apart),
					   cmocka_unit_test(a_full_table_is_a_loss),
					   cmocka_unit_test(a_full_frame_pool_is_a_loss),
					   cmocka_unit_test(no_frame_is_a_loss),
					   cmocka_unit_test(threads_share_rows),
					   cmocka_unit_test(a_small_limit_gives_a_small_recording),
					   cmocka_unit_test(a_copy_is_the_same)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
