/* encoder_rounding.c - objects are counted in fractions and told as whole ones: is any lost? */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "encoder/view.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

struct bench {
	struct fake fake;
	struct cp_view *view;
};

static void set_up(struct bench *bench)
{
	char why[128];
	fake_new(&bench->fake);
	fake_module(&bench->fake, "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
	assert_int_equal(cp_view_open(bench->fake.fd, &bench->view, why, sizeof(why)), 0);
}

static void tear_down(struct bench *bench)
{
	cp_view_close(bench->view);
	fake_free(&bench->fake);
}

static struct cp_batch *taken(struct bench *bench, int pid)
{
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench->view, NULL, pid, CP_BIT(CP_PROFILE_HEAP)), 0);
	return batch;
}

static Cp__Profile *unpacked(struct cp_batch *batch)
{
	Cp__Profile *profile = unpack(batch, CP_PROFILE_HEAP);
	assert_true(is_valid(profile));
	cp_batch_free(batch);
	return profile;
}

/* A row of its own that holds a sample of so many objects in fixed point. */
static uint32_t sample(struct bench *bench, uint64_t address, uint64_t weight)
{
	const uint64_t frames[] = {address, 0x400300};
	uint32_t row = fake_row(&bench->fake, CP_KIND_HEAP, 0, frames, 2);
	fake_count(&bench->fake, row, CP_ALLOC_OBJECTS, weight);
	fake_count(&bench->fake, row, CP_ALLOC_BYTES, weight);
	return row;
}

/* Ten rows of the same stack, 0.4 objects each. */
static void rows_of_a_stack_are_rounded_together(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	for (int i = 0; i < 10; i++)
		sample(&bench, 0x400200, 410);
	Cp__Profile *p = unpacked(taken(&bench, 77));
	assert_int_equal(p->n_sample, 1);
	const int64_t expected[] = {4, 4100, 4, 4100};
	for (int i = 0; i < 4; i++)
		assert_int_equal(p->sample[0]->value[i], expected[i]);
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

#define SAMPLE 1620u /* 1.58 objects: a block of the interval's size */

/* One in each of a hundred periods: 158 objects in all, not 200. */
static void periods_lose_no_fraction(void **state)
{
	struct bench bench;
	int64_t sum = 0;
	(void)state;
	set_up(&bench);
	uint32_t row = sample(&bench, 0x400200, 0);
	for (int64_t i = 1; i <= 100; i++) {
		fake_count(&bench.fake, row, CP_ALLOC_OBJECTS, SAMPLE);
		fake_count(&bench.fake, row, CP_ALLOC_BYTES, 800000);
		Cp__Profile *p = unpacked(taken(&bench, 77));
		sum += p->sample[0]->value[0];
		assert_in_range(sum * CP_OBJECT_ONE, (i * SAMPLE) - CP_OBJECT_ONE + 1,
				(i * SAMPLE) + CP_OBJECT_ONE - 1);
		assert_int_equal(p->sample[0]->value[2], sum); /* nothing was freed */
		cp__profile__free_unpacked(p, NULL);
	}
	tear_down(&bench);
}

#define STACKS	  600
#define PROCESSES 50

/* One in each of many stacks, in each of many processes: not all are rounded the same way. */
static void stacks_lose_no_fraction(void **state)
{
	struct bench bench;
	uint64_t sum = 0, weight = 0, exact = (uint64_t)PROCESSES * STACKS * SAMPLE / CP_OBJECT_ONE;
	(void)state;
	set_up(&bench);
	for (uint64_t i = 0; i < STACKS; i++)
		sample(&bench, 0x400200 + i, SAMPLE);
	for (int pid = 1; pid <= PROCESSES; pid++) {
		struct cp_batch *batch = taken(&bench, pid);
		weight += batch->weights[CP_PROFILE_HEAP][CP_PART_ALL].n[0];
		Cp__Profile *p = unpacked(batch);
		assert_int_equal(p->n_sample, STACKS);
		for (uint32_t i = 0; i < STACKS; i++) {
			assert_in_range(p->sample[i]->value[0], 1, 2);
			assert_int_equal(p->sample[i]->value[0], p->sample[i]->value[2]);
			sum += (uint64_t)p->sample[i]->value[0];
			memset(cp_view_mark(bench.view, i), 0, sizeof(struct cp_mark));
		}
		cp__profile__free_unpacked(p, NULL);
	}
	assert_in_range(sum, exact * 999 / 1000, exact * 1001 / 1000);
	assert_int_equal(weight, (uint64_t)PROCESSES * STACKS * SAMPLE);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_of_a_stack_are_rounded_together),
	    cmocka_unit_test(periods_lose_no_fraction),
	    cmocka_unit_test(stacks_lose_no_fraction),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
