/* signal_pool.c - do stacks share their ends and stay what they were, and touch no more pages than
 * they need? */
/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "signal/recording.h"
#include "signal/stacks.h"
#include "signal/state.h"
#include "test/unit/unit.h"

/* What a copy takes its settings from. */
static struct cp_config no_settings;

static struct cp_recording *fresh(int *fd)
{
	struct cp_recording *rec = cp_recording_make(fd);

	cp_home.config = &no_settings;
	assert_non_null(rec);
	return rec;
}

static uint32_t enter(struct cp_recording *rec, const uint64_t *pcs, size_t depth)
{
	enum cp_loss why;
	uint32_t row =
	    cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, CP_ROW_LEAF_IS_PC, &why);

	assert_int_not_equal(row, CP_NO_ROW);
	return row;
}

static void assert_stack(struct cp_recording *rec, uint32_t row, const uint64_t *pcs, size_t depth)
{
	uint64_t kept[CP_DEPTH];

	assert_int_equal(cp_rows(rec)[row].depth, depth);
	assert_int_equal(cp_pool_read(rec, cp_rows(rec)[row].frames_at, kept, depth), 0);
	assert_memory_equal(kept, pcs, depth * sizeof *pcs);
}

/* A tick here, a tick there, in the same function: three words each. */
static void ends_are_shared(void **state)
{
	int fd;
	struct cp_recording *rec = fresh(&fd);
	uint64_t pcs[100];
	uint32_t rows[50];

	(void)state;
	for (uint64_t i = 0; i < 100; i++)
		pcs[i] = 0x400000 + i * 16;
	for (uint64_t i = 0; i < 50; i++) {
		pcs[0] = 0x300000 + i;
		rows[i] = enter(rec, pcs, 100);
	}
	assert_int_equal(rec->frames_used, 101 + 49 * 3);
	for (uint64_t i = 0; i < 50; i++) {
		pcs[0] = 0x300000 + i;
		assert_stack(rec, rows[i], pcs, 100);
		assert_int_equal(enter(rec, pcs, 100), rows[i]);
	}
	assert_int_equal(rec->frames_used, 101 + 49 * 3);
	close(fd);
	cp_recording_drop(rec);
}

/* The nth of many walks through a small graph of calls, with recursion. */
static size_t walk(unsigned n, uint64_t pcs[CP_DEPTH])
{
	unsigned at = n;
	size_t depth = 1 + (size_t)rand_r(&at) % (n % 50 == 0 ? CP_DEPTH : 40);
	uint64_t function = 0;

	for (size_t i = depth; i-- > 0;) {
		function = (function * 3 + (rand_r(&at) % 12 == 0)) % 61;
		pcs[i] = 0x400000 + function * 256 + (i == 0 ? (uint64_t)rand_r(&at) % 256 : 0);
	}
	return depth;
}

#define WALKS 40000u

static void every_stack_stays_what_it_was(void **state)
{
	int fd;
	struct cp_recording *rec = fresh(&fd);
	uint32_t *rows = malloc(WALKS * sizeof *rows);
	uint64_t pcs[CP_DEPTH], words = 0;
	unsigned n, last = 0;

	(void)state;
	for (n = 0; n < WALKS; n++) {
		size_t depth = walk(n, pcs);
		enum cp_loss why;

		rows[n] = cp_stack_row(rec, cp_whose(CP_KIND_CPU, 0), pcs, depth, 0, &why);
		words += depth + 1;
		if (rows[n] == CP_NO_ROW)
			break;
	}
	print_message("%u stacks of %.1f frames take %.1f words each\n", n, (double)words / n,
		      (double)rec->frames_used / n);
	assert_true(n > 10000 && rec->frames_used < words / 2);
	for (; last < n; last++) {
		size_t depth = walk(last, pcs);

		assert_stack(rec, rows[last], pcs, depth);
	}
	free(rows);
	close(fd);
	cp_recording_drop(rec);
}

/* The table of rests may say anything: it is never believed. */
static void a_lying_table_is_not_believed(void **state)
{
	int fd;
	struct cp_recording *rec = fresh(&fd);
	uint32_t *rests = (uint32_t *)((char *)rec + rec->rests.at);
	uint64_t pcs[CP_DEPTH];
	unsigned random = 1;

	(void)state;
	for (unsigned n = 0; n < 2000; n++) {
		size_t depth = walk(n, pcs);

		for (uint64_t i = 0; i < rec->rests.max; i++)
			rests[i] = n % 3 ? 1 + (uint32_t)rand_r(&random) % (rec->frames_used + 2)
					 : (uint32_t)rand_r(&random);
		assert_stack(rec, enter(rec, pcs, depth), pcs, depth);
	}
	close(fd);
	cp_recording_drop(rec);
}

static void a_damaged_pool_has_an_end(void **state)
{
	int fd;
	struct cp_recording *rec = fresh(&fd);
	uint64_t pcs[CP_DEPTH] = {1};

	(void)state;
	for (uint32_t i = 1; i < 1000; i++)
		cp_frames(rec)[i] = CP_FRAME_LINK | i;
	assert_int_equal(cp_pool_read(rec, 1, pcs, CP_DEPTH), 0);
	cp_frames(rec)[1] = CP_FRAME_LINK | rec->frames.max;
	assert_int_equal(cp_pool_read(rec, 1, pcs, CP_DEPTH), -1);
	assert_false(cp_pool_same(rec, 1, pcs, CP_DEPTH));
	assert_int_equal(cp_pool_read(rec, (uint32_t)rec->frames.max - 1, pcs, 2), -1);
	close(fd);
	cp_recording_drop(rec);
}

/* What the kernel says that the file holds. */
static uint64_t bytes_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

/* A forked worker of some server: 200 of them must not cost 100 MB. */
static void few_stacks_touch_few_pages(void **state)
{
	int fd;
	struct cp_recording *rec = fresh(&fd);
	uint64_t pcs[CP_DEPTH];

	(void)state;
	for (unsigned n = 0; n < 40; n++)
		enter(rec, pcs, walk(n * 50 + 1, pcs));
	assert_true(rec->rows_used > 30);
	/* 2 of the header, one each of rows, rests, and a street of the index, 2 of frames */
	assert_in_range(bytes_of(fd), 4096 * 5, 4096 * 8);
	close(fd);
	cp_recording_drop(rec);
}

/* A recording that is moved brings its index with it, page by page as it needs them. */
static void a_moved_recording_stays_small(void **state)
{
	int fd, other;
	struct cp_recording *rec = fresh(&fd), *to = fresh(&other);
	uint64_t pcs[CP_DEPTH];
	uint32_t rows[2000];

	(void)state;
	for (unsigned n = 0; n < 2000; n++)
		rows[n] = enter(rec, pcs, walk(n, pcs));
	cp_recording_copy(to, rec);
	for (unsigned n = 0; n < 2000; n++)
		assert_int_equal(enter(to, pcs, walk(n, pcs)), rows[n]);
	assert_in_range(bytes_of(other), 4096, bytes_of(fd) + 4096 * 8);
	close(fd);
	close(other);
	cp_recording_drop(rec);
	cp_recording_drop(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(ends_are_shared),
					   cmocka_unit_test(every_stack_stays_what_it_was),
					   cmocka_unit_test(a_lying_table_is_not_believed),
					   cmocka_unit_test(a_damaged_pool_has_an_end),
					   cmocka_unit_test(few_stacks_touch_few_pages),
					   cmocka_unit_test(a_moved_recording_stays_small)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
