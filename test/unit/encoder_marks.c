/* encoder_marks.c - several readers of one recording, and batches that are added up. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define PID  1024
#define CPU  CP_BIT(CP_PROFILE_CPU)
#define HEAP CP_BIT(CP_PROFILE_HEAP)

struct bench {
	struct fake fake;
	struct cp_view *view;
	uint32_t cpu, heap;
};

static const uint64_t frames[] = {0x400200, 0x400300};

static void set_up(struct bench *bench, uint64_t at)
{
	char why[128];
	uint64_t moved[] = {frames[0] - 0x400000 + at, frames[1] - 0x400000 + at};
	fake_new(&bench->fake);
	fake_module(&bench->fake, "/bin/fake", at, at + 0x100000, 0, at);
	bench->cpu = fake_row(&bench->fake, CP_KIND_CPU, CP_ROW_LEAF_IS_PC, moved, 2);
	bench->heap = fake_row(&bench->fake, CP_KIND_HEAP, 0, moved, 2);
	assert_int_equal(cp_view_open(bench->fake.fd, &bench->view, why, sizeof(why)), 0);
}

static void tear_down(struct bench *bench)
{
	cp_view_close(bench->view);
	fake_free(&bench->fake);
}

static void tick(struct bench *bench, uint64_t periods)
{
	fake_count(&bench->fake, bench->cpu, CP_CPU_NS, periods * 10000000);
	fake_count(&bench->fake, bench->cpu, CP_CPU_SAMPLES, periods);
	bench->fake.rec->lost[CP_KIND_CPU][CP_LOST_BUSY].n[CP_CPU_NS] += periods * 10000000;
}

static void allocate(struct bench *bench, uint64_t objects, uint64_t fraction)
{
	fake_count(&bench->fake, bench->heap, CP_ALLOC_OBJECTS, objects * CP_OBJECT_ONE + fraction);
	fake_count(&bench->fake, bench->heap, CP_ALLOC_BYTES, 100 * objects + 100);
	bench->fake.rec->hits[CP_HITS]++;
}

/* A value of all samples of a batch, which is freed. */
static int64_t sum_of(struct cp_batch *batch, enum cp_profile which, size_t value)
{
	int64_t sum = 0;
	Cp__Profile *p = unpack(batch, which);
	assert_true(is_valid(p));
	for (size_t i = 0; i < p->n_sample; i++)
		sum += p->sample[i]->value[value];
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	return sum;
}

static struct cp_batch *taken(struct bench *bench, struct cp_marks *marks, unsigned how)
{
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench->view, marks, PID, how), 0);
	return batch;
}

/* A row's ticks, and as many that were lost. */
static int64_t ticks(struct bench *bench, struct cp_marks *marks)
{
	return sum_of(taken(bench, marks, CPU), CP_PROFILE_CPU, 0);
}

static void each_reader_has_its_own(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench, 0x400000);
	tick(&bench, 5);
	struct cp_marks *all = cp_marks_new(bench.view), *now = cp_marks_new(bench.view);
	assert_int_equal(cp_marks_now(now), 0);
	tick(&bench, 2);
	assert_int_equal(ticks(&bench, NULL), 14);
	tick(&bench, 3);
	assert_int_equal(ticks(&bench, now), 10);
	assert_int_equal(ticks(&bench, all), 20);
	assert_int_equal(ticks(&bench, NULL), 6);
	assert_int_equal(ticks(&bench, now) + ticks(&bench, all), 0);
	/* what the shipping reader leaves out is left out by no one else */
	tick(&bench, 1);
	cp_batch_skip_cpu(bench.view, NULL);
	assert_int_equal(ticks(&bench, NULL), 0);
	assert_int_equal(ticks(&bench, now), 2);
	cp_marks_free(now);
	tear_down(&bench);
	cp_marks_free(all); /* of no use any more, and no harm */
}

/* Rows that come after the marks were made are new from their first count on. */
static void marks_grow_with_the_rows(void **state)
{
	struct bench bench;
	struct cp_coverage coverage;
	(void)state;
	set_up(&bench, 0x400000);
	allocate(&bench, 3, 0);
	struct cp_marks *marks = cp_marks_new(bench.view);
	assert_int_equal(cp_marks_now(marks), 0);
	for (int i = 0; i < 100; i++) {
		const uint64_t more[] = {0x400200, 0x400300 + 16 * (uint64_t)i};
		bench.heap = fake_row(&bench.fake, CP_KIND_HEAP, 0, more, 2);
		allocate(&bench, 1, 0);
	}
	struct cp_batch *batch = taken(&bench, marks, HEAP);
	cp_batch_coverage(batch, CP_PROFILE_HEAP, &coverage);
	assert_int_equal(coverage.samples, 100);
	assert_int_equal(sum_of(batch, CP_PROFILE_HEAP, 0), 100);
	/* and what is alive is so for everyone */
	assert_int_equal(sum_of(taken(&bench, marks, HEAP), CP_PROFILE_HEAP, 2), 103);
	assert_int_equal(sum_of(taken(&bench, NULL, HEAP), CP_PROFILE_HEAP, 0), 103);
	cp_marks_free(marks);
	tear_down(&bench);
}

/* The slot of a thread that has ended is free for another when all have its rows who want them. */
static void slots_wait_for_the_last_reader(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench, 0x400000);
	struct cp_recording *rec = bench.fake.rec;
	rec->takes_begun = rec->takes_done = UINT32_MAX - 2; /* they go round */
	cp_view_close(bench.view);
	char why[128];
	assert_int_equal(cp_view_open(bench.fake.fd, &bench.view, why, sizeof(why)), 0);
	struct cp_marks *one = cp_marks_new(bench.view), *two = cp_marks_new(bench.view);
	assert_int_equal(cp_marks_now(one), 0);
	uint32_t ended = cp_thread_ended(rec->takes_begun);
	assert_int_equal(cp_marks_now(two), 0);
	assert_false(cp_thread_is_over(ended, rec->takes_done));
	ticks(&bench, NULL);
	ticks(&bench, NULL);
	assert_false(cp_thread_is_over(ended, rec->takes_done));
	cp_marks_free(two); /* knows nothing of it: it ended before */
	assert_false(cp_thread_is_over(ended, rec->takes_done));
	sum_of(taken(&bench, one, HEAP), CP_PROFILE_HEAP, 0);
	assert_false(cp_thread_is_over(ended, rec->takes_done));
	cp_marks_free(one);
	assert_true(cp_thread_is_over(ended, rec->takes_done));
	/* who reads nothing of CPU holds nobody up */
	one = cp_marks_new(bench.view);
	sum_of(taken(&bench, one, HEAP), CP_PROFILE_HEAP, 0);
	ended = cp_thread_ended(rec->takes_begun);
	ticks(&bench, NULL);
	assert_true(cp_thread_is_over(ended, rec->takes_done));
	cp_marks_free(one);
	tear_down(&bench);
}

static void a_recording_that_moved_is_followed(void **state)
{
	struct bench bench, moved;
	(void)state;
	set_up(&bench, 0x400000);
	set_up(&moved, 0x400000);
	tick(&bench, 5);
	struct cp_marks *marks = cp_marks_new(bench.view);
	assert_int_equal(cp_marks_now(marks), 0);
	moved.fake.rec->takes_begun = bench.fake.rec->takes_begun; /* a copy, and more */
	tick(&moved, 7);
	cp_marks_follow(marks, moved.view);
	tear_down(&bench);
	uint32_t ended = cp_thread_ended(moved.fake.rec->takes_begun);
	ticks(&moved, NULL);
	assert_false(cp_thread_is_over(ended, moved.fake.rec->takes_done));
	assert_int_equal(ticks(&moved, marks), 4);
	assert_true(cp_thread_is_over(ended, moved.fake.rec->takes_done));
	cp_marks_free(marks);
	tear_down(&moved);
}

/* The same code lies where it likes in each process, and is the same code. */
static void batches_add_up(void **state)
{
	struct bench one, two;
	(void)state;
	set_up(&one, 0x400000);
	set_up(&two, 0x480000); /* in the way of the first */
	fake_module(&two.fake, "/lib/other", 0x400000, 0x480000, 0, 0x400000);
	const uint64_t other[] = {0x400200};
	fake_count(&two.fake, fake_row(&two.fake, CP_KIND_HEAP, 0, other, 1), CP_ALLOC_BYTES, 7);
	allocate(&one, 2, 0);
	allocate(&two, 3, 0);
	struct cp_batch *first = taken(&one, NULL, HEAP | CP_TAKE_TOGETHER);
	struct cp_batch *second = taken(&two, NULL, HEAP | CP_TAKE_TOGETHER);
	assert_int_equal(cp_batch_add(first, second), 0);
	cp_batch_free(second);
	Cp__Profile *p = unpack(first, CP_PROFILE_HEAP);
	assert_true(is_valid(p));
	assert_int_equal(p->n_sample, 2);
	assert_int_equal(p->sample[0]->value[0], 5);
	assert_int_equal(p->sample[0]->value[1], 700);
	assert_int_equal(p->sample[0]->n_label, 0);
	assert_int_equal(p->sample[1]->value[1], 7);
	assert_int_equal(p->n_mapping, 2);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(first);
	tear_down(&one);
	tear_down(&two);
}

/* However many come, each with next to nothing. */
static void a_total_never_falls(void **state)
{
	struct bench bench;
	int64_t last = 0;
	(void)state;
	set_up(&bench, 0x400000);
	allocate(&bench, 2, 0);
	struct cp_batch *whole = taken(&bench, NULL, HEAP | CP_TAKE_TOGETHER | CP_TAKE_REST);
	allocate(&bench, 0, 1);
	struct cp_batch *part = taken(&bench, NULL, HEAP | CP_TAKE_TOGETHER | CP_TAKE_REST);
	for (int come = 0; come < 100; come++) {
		struct cp_batch *total = cp_batch_new(NULL);
		assert_int_equal(cp_batch_add(whole, part), 0);
		assert_int_equal(cp_batch_add(total, whole), 0);
		int64_t sum = sum_of(total, CP_PROFILE_HEAP, 0);
		assert_true(sum >= last);
		last = sum;
	}
	cp_batch_free(whole);
	cp_batch_free(part);
	tear_down(&bench);
}

static void a_bound_keeps_the_sum(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench, 0x400000);
	for (int i = 0; i < 50; i++) {
		const uint64_t more[] = {0x400200, 0x400300 + 16 * (uint64_t)i};
		bench.heap = fake_row(&bench.fake, CP_KIND_HEAP, 0, more, 2);
		allocate(&bench, 1, 0);
	}
	struct cp_batch *small = cp_batch_new(NULL), *whole = taken(&bench, NULL, HEAP);
	cp_batch_bound(small, 10, UINT64_MAX);
	assert_int_equal(cp_batch_add(small, whole), 0);
	assert_int_equal(small->stacks[CP_PROFILE_HEAP].count, 11);
	assert_int_equal(sum_of(small, CP_PROFILE_HEAP, 1), sum_of(whole, CP_PROFILE_HEAP, 1));
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_reader_has_its_own),
	    cmocka_unit_test(marks_grow_with_the_rows),
	    cmocka_unit_test(slots_wait_for_the_last_reader),
	    cmocka_unit_test(a_recording_that_moved_is_followed),
	    cmocka_unit_test(batches_add_up),
	    cmocka_unit_test(a_total_never_falls),
	    cmocka_unit_test(a_bound_keeps_the_sum),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
