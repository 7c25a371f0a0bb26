/* encoder_delta.c - what is new since the marks, what is alive, and whose it is. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "encoder/batch.h"
#include "test/unit/bench.h"

static void cpu_is_taken_once(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400100, 0x400200, 0x400300};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, CP_ROW_LEAF_IS_PC, frames, 3);
	fake_count(&bench.fake, row, CP_CPU_NS, 5 * FAKE_PERIOD);
	fake_count(&bench.fake, row, CP_CPU_SAMPLES, 3);
	Cp__Profile *p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->value[0], 5);
	assert_int_equal(p->sample[0]->value[1], 50000000);
	assert_int_equal(p->sample[0]->n_location_id, 3);
	/* the interrupted pc as it is, return addresses one below */
	assert_int_equal(p->location[p->sample[0]->location_id[0] - 1]->address, 0x400100);
	assert_int_equal(p->location[p->sample[0]->location_id[1] - 1]->address, 0x4001ff);
	assert_int_equal(p->location[p->sample[0]->location_id[2] - 1]->address, 0x4002ff);
	assert_string_equal(text_of(p, p->sample[0]->label[0]->key), "pid");
	assert_int_equal(p->sample[0]->label[0]->num, PID);
	cp__profile__free_unpacked(p, NULL);
	p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 0);
	cp__profile__free_unpacked(p, NULL);
	fake_count(&bench.fake, row, CP_CPU_NS, 2 * FAKE_PERIOD);
	cp_batch_skip_cpu(bench.view, NULL);
	fake_count(&bench.fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->sample[0]->value[0], 1);
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

static void check_values(struct bench *bench, const int64_t expected[4])
{
	Cp__Profile *p = take(bench, CP_PROFILE_HEAP);
	int any = expected[0] || expected[1] || expected[2] || expected[3];
	assert_int_equal(p->n_sample, any);
	for (int i = 0; i < 4 && any; i++)
		assert_int_equal(p->sample[0]->value[i], expected[i]);
	cp__profile__free_unpacked(p, NULL);
}

static void heap_has_deltas_and_what_lives(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400200, 0x400300};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_HEAP, 0, frames, 2);
	fake_count(&bench.fake, row, CP_ALLOC_OBJECTS, 10 * CP_OBJECT_ONE + 600);
	fake_count(&bench.fake, row, CP_ALLOC_BYTES, 1000);
	fake_count(&bench.fake, row, CP_FREED_OBJECTS, 4 * CP_OBJECT_ONE);
	fake_count(&bench.fake, row, CP_FREED_BYTES, 400);
	check_values(&bench, (const int64_t[]){11, 1000, 7, 600});
	check_values(&bench, (const int64_t[]){0, 0, 7, 600}); /* alive stays, new does not */
	fake_count(&bench.fake, row, CP_INHERITED_OBJECTS, 2 * CP_OBJECT_ONE);
	fake_count(&bench.fake, row, CP_INHERITED_BYTES, 50);
	check_values(&bench, (const int64_t[]){0, 0, 9, 650});
	fake_count(&bench.fake, row, CP_ALLOC_OBJECTS, 1); /* a thousandth of a large block */
	fake_count(&bench.fake, row, CP_ALLOC_BYTES, 7);
	check_values(&bench, (const int64_t[]){1, 7, 9, 657});
	fake_count(&bench.fake, row, CP_FREED_OBJECTS, 1000 * CP_OBJECT_ONE);
	fake_count(&bench.fake, row, CP_FREED_BYTES, 100000);
	check_values(&bench, (const int64_t[]){0, 0, 0, 0}); /* damage never shows below zero */
	tear_down(&bench);
}

static void threads_are_counted(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x7f0000000100, 0x400200};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_THREAD, 0, frames, 2);
	fake_count(&bench.fake, row, CP_THREADS_MADE, 7);
	fake_count(&bench.fake, row, CP_THREADS_ENDED, 3);
	assert_int_equal(cp_view_threads(bench.view), 4);
	for (int i = 0; i < 2; i++) { /* absolute: the same again */
		Cp__Profile *p = take(&bench, CP_PROFILE_THREADS);
		assert_int_equal(p->n_sample, 1);
		assert_int_equal(p->sample[0]->value[0], 4);
		/* the recorder's own frame is not where the thread was made */
		assert_int_equal(p->sample[0]->n_location_id, 1);
		assert_int_equal(p->period, 1);
		cp__profile__free_unpacked(p, NULL);
	}
	tear_down(&bench);
}

/* Another recording goes on with what is alive. */
static void a_rest_has_nothing_alive(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400200, 0x400300};
	(void)state;
	set_up(&bench);
	uint32_t heap = fake_row(&bench.fake, CP_KIND_HEAP, 0, frames, 2);
	fake_count(&bench.fake, heap, CP_ALLOC_OBJECTS, 10 * CP_OBJECT_ONE);
	fake_count(&bench.fake, heap, CP_ALLOC_BYTES, 1000);
	fake_count(&bench.fake, heap, CP_FREED_OBJECTS, 4 * CP_OBJECT_ONE);
	fake_count(&bench.fake, heap, CP_FREED_BYTES, 400);
	fake_count(&bench.fake, fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 2), CP_CPU_NS,
		   5 * FAKE_PERIOD);
	fake_count(&bench.fake, fake_row(&bench.fake, CP_KIND_THREAD, 0, frames, 2),
		   CP_THREADS_MADE, 3);
	bench.fake.rec->lost[CP_KIND_THREAD][CP_LOST_BUSY].n[CP_THREADS_MADE] = 2;
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, PID, ALL | CP_TAKE_REST), 0);
	Cp__Profile *p = unpack(batch, CP_PROFILE_HEAP);
	assert_int_equal(p->n_sample, 1);
	for (int i = 0; i < 4; i++)
		assert_int_equal(p->sample[0]->value[i], ((const int64_t[]){10, 1000, 0, 0})[i]);
	assert_string_equal(text_of(p, p->comment[0]),
			    "conprof: version " CP_VERSION ", processes 0");
	cp__profile__free_unpacked(p, NULL);
	p = unpack(batch, CP_PROFILE_THREADS);
	assert_int_equal(p->n_sample, 0);
	cp__profile__free_unpacked(p, NULL);
	p = unpack(batch, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->value[0], 5);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	tear_down(&bench);
}

/* Blocks that came along into a full table have no row, but are alive until they end. */
static void what_was_inherited_without_a_row_is_alive(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	struct cp_counts *lost = &bench.fake.rec->lost[CP_KIND_HEAP][CP_LOST_ROWS];
	lost->n[CP_ALLOC_OBJECTS] = lost->n[CP_FREED_OBJECTS] = 5 * CP_OBJECT_ONE;
	lost->n[CP_ALLOC_BYTES] = lost->n[CP_FREED_BYTES] = 500;
	lost->n[CP_INHERITED_OBJECTS] = 3 * CP_OBJECT_ONE;
	lost->n[CP_INHERITED_BYTES] = 300;
	check_values(&bench, (const int64_t[]){5, 500, 3, 300});
	lost->n[CP_FREED_OBJECTS] += CP_OBJECT_ONE;
	lost->n[CP_FREED_BYTES] += 100;
	check_values(&bench, (const int64_t[]){0, 0, 2, 200});
	tear_down(&bench);
}

static void processes_merge_by_file(void **state)
{
	struct bench one, two;
	const uint64_t frames[] = {0x400200}, moved[] = {0x600200};
	(void)state;
	set_up(&one);
	fake_new(&two.fake);
	fake_module(&two.fake, "/bin/fake", 0x600000, 0x700000, 0, 0x600000);
	fake_module(&two.fake, "/bin/other", 0x400000, 0x500000, 0, 0x400000);
	char why[128];
	assert_int_equal(cp_view_open(two.fake.fd, &two.view, why, sizeof(why)), 0);
	fake_count(&one.fake, fake_row(&one.fake, CP_KIND_CPU, 0, frames, 1), CP_CPU_NS,
		   1 * FAKE_PERIOD);
	fake_count(&two.fake, fake_row(&two.fake, CP_KIND_CPU, 0, moved, 1), CP_CPU_NS,
		   2 * FAKE_PERIOD);
	fake_count(&two.fake, fake_row(&two.fake, CP_KIND_CPU, 0, frames, 1), CP_CPU_NS,
		   4 * FAKE_PERIOD);
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, one.view, NULL, 1, ALL), 0);
	assert_int_equal(cp_batch_take(batch, two.view, NULL, 2, ALL), 0);
	Cp__Profile *p = unpack(batch, CP_PROFILE_CPU);
	assert_true(is_valid(p));
	assert_int_equal(p->n_sample, 3);
	assert_int_equal(p->n_location, 2); /* one place of /bin/fake, one of /bin/other */
	assert_int_equal(p->n_mapping, 2);
	assert_string_equal(text_of(p, p->mapping[0]->filename), "/bin/fake");
	assert_int_equal(p->sample[0]->location_id[0], p->sample[1]->location_id[0]);
	assert_int_not_equal(p->sample[0]->location_id[0], p->sample[2]->location_id[0]);
	assert_int_not_equal(p->location[0]->address, p->location[1]->address);
	assert_int_equal(p->sample[1]->label[0]->num, 2);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	tear_down(&one);
	tear_down(&two);
}

static void epochs_tell_modules_apart(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x800010};
	(void)state;
	set_up(&bench);
	uint32_t old = fake_module(&bench.fake, "/lib/old.so", 0x800000, 0x801000, 0, 0x800000);
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 1);
	fake_count(&bench.fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	fake_module_at(&bench.fake, old)->epoch_to = 0;
	bench.fake.rec->epoch = 1;
	uint32_t new = fake_module(&bench.fake, "/lib/new.so", 0x800000, 0x801000, 0, 0x800000);
	fake_module_at(&bench.fake, new)->epoch_from = 1;
	row = fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 1);
	fake_count(&bench.fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	Cp__Profile *p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 2);
	const char *names[2];
	for (int i = 0; i < 2; i++) {
		const Cp__Location *at = p->location[p->sample[i]->location_id[0] - 1];
		names[i] = text_of(p, p->mapping[at->mapping_id - 1]->filename);
	}
	assert_string_equal(names[0], "/lib/old.so");
	assert_string_equal(names[1], "/lib/new.so");
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cpu_is_taken_once),
	    cmocka_unit_test(heap_has_deltas_and_what_lives),
	    cmocka_unit_test(threads_are_counted),
	    cmocka_unit_test(a_rest_has_nothing_alive),
	    cmocka_unit_test(what_was_inherited_without_a_row_is_alive),
	    cmocka_unit_test(processes_merge_by_file),
	    cmocka_unit_test(epochs_tell_modules_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
