/* encoder_losses.c - what was lost, cut short or taken out is in the profile, and says why. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "encoder/batch.h"
#include "signal/tick.h"
#include "test/unit/bench.h"

static void losses_are_samples(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400200};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, CP_ROW_TRUNCATED, frames, 1);
	fake_count(&bench.fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	fake_count(&bench.fake, row, CP_CPU_SAMPLES, 1);
	bench.fake.rec->lost[CP_KIND_CPU][CP_LOST_ROWS].n[CP_CPU_NS] = 9 * FAKE_PERIOD;
	bench.fake.rec->lost[CP_KIND_CPU][CP_LOST_ROWS].n[CP_CPU_SAMPLES] = 8;
	bench.fake.rec->lost[CP_KIND_CPU][CP_LOST_BUSY].n[CP_CPU_NS] = 2 * FAKE_PERIOD;
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, 77, ALL), 0);
	assert_int_equal(cp_batch_lost(batch, CP_KIND_CPU, CP_LOST_ROWS), 8);
	struct cp_coverage is;
	cp_batch_coverage(batch, CP_PROFILE_CPU, &is);
	assert_int_equal(is.samples, 1);
	assert_int_equal(is.lost, 8);
	assert_int_equal(is.truncated, 1);
	Cp__Profile *p = unpack(batch, CP_PROFILE_CPU);
	assert_true(is_valid(p));
	assert_int_equal(p->n_sample, 3);
	assert_string_equal(frame_of(p, p->sample[0], 1), "[conprof: stack truncated]");
	assert_string_equal(frame_of(p, p->sample[1], 0), "[conprof lost: inside the profiler]");
	assert_string_equal(frame_of(p, p->sample[2], 0), "[conprof lost: table of stacks full]");
	assert_int_equal(p->sample[2]->value[0], 9);
	assert_string_equal(
	    text_of(p, p->comment[1]),
	    "conprof: samples 1, lost 8 (table_full 8), truncated 1, ended early 0");
	assert_string_equal(text_of(p, p->comment[2]),
			    "conprof: periods 1, lost 11, truncated 1, ended early 0");
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 0);
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

static void a_gap_is_a_frame(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400200, CP_FRAME_GAP | 13, 0x400300, UINT64_MAX};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 4);
	fake_count(&bench.fake, row, CP_CPU_NS, 1 * FAKE_PERIOD);
	Cp__Profile *p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->n_location_id, 4);
	assert_string_equal(frame_of(p, p->sample[0], 1),
			    "[conprof: 8192 frames or more left out]");
	assert_string_equal(frame_of(p, p->sample[0], 3),
			    "[conprof: 65536 frames or more left out]");
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

static void a_note_is_a_frame(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {CP_FRAME_NOTE | CP_NOTE_REST, 0x400300, CP_FRAME_LINK - 1};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 3);
	fake_count(&bench.fake, row, CP_CPU_NS, 3 * FAKE_PERIOD);
	Cp__Profile *p = take(&bench, CP_PROFILE_CPU);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->value[0], 3);
	assert_int_equal(p->sample[0]->n_location_id, 3);
	assert_string_equal(frame_of(p, p->sample[0], 0), "[conprof: after the last tick]");
	assert_string_equal(frame_of(p, p->sample[0], 2), "[conprof: the ticks themselves]");
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

/* 4 ticks of 3000 ns in the handler, of which a look at the clock takes 500, and 1500 in the
 * kernel: of 7 periods 16 us are not the stack's. What no tick has seen keeps all of its time. */
static void ticks_are_taken_out(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400200, 0x400300, 0x400400, 0x400500, 0x400600};
	const uint64_t rest[] = {CP_FRAME_NOTE | CP_NOTE_REST, 0x400600};
	(void)state;
	set_up(&bench);
	bench.fake.rec->measured = 10;
	bench.fake.rec->took_ns = 30000;
	uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, CP_ROW_LEAF_IS_PC, frames, 5);
	fake_count(&bench.fake, row, CP_CPU_NS, 7 * FAKE_PERIOD);
	fake_count(&bench.fake, row, CP_CPU_SAMPLES, 4);
	row = fake_row(&bench.fake, CP_KIND_CPU, 0, rest, 2);
	fake_count(&bench.fake, row, CP_CPU_NS, 2 * FAKE_PERIOD);
	struct cp_batch *batch = cp_batch_new(NULL);
	cp_batch_signals(batch, 1500, 500);
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, PID, CP_BIT(CP_PROFILE_CPU)), 0);
	Cp__Profile *p = unpack(batch, CP_PROFILE_CPU);
	assert_true(is_valid(p));
	int64_t sum = 0, ticks = 0, after = 0, period = (int64_t)bench.fake.rec->cpu_period_ns;
	for (size_t i = 0; i < p->n_sample; i++) {
		const char *leaf = frame_of(p, p->sample[i], 0);
		sum += p->sample[i]->value[1];
		if (strcmp(leaf, "[conprof: the ticks themselves]") == 0) {
			ticks += p->sample[i]->value[1];
			assert_int_equal(p->sample[i]->value[0], 0);
			assert_int_equal(p->sample[i]->n_location_id, 4);
		} else if (strcmp(leaf, "[conprof: after the last tick]") == 0) {
			after += p->sample[i]->value[1];
		}
	}
	assert_int_equal(sum, 9 * period);
	assert_int_equal(ticks, 16000);
	assert_int_equal(after, 2 * period);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	tear_down(&bench);
}

/* Four ticks of 500 are measured, and in one of them the guest stands still for 6 ms. */
static void a_pause_in_a_tick_is_no_cost(void **state)
{
	static const uint64_t took[] = {20000, 6000000, 15000, 30000};
	(void)state;
	for (size_t first = 0; first < 4; first++) {
		uint64_t least = 0, sum = 0;
		for (size_t i = 0; i < 4; i++) {
			uint64_t ns = took[(first + i) % 4];
			sum += cp_tick_weight(ns, least);
			least = !least || ns < least ? ns : least;
		}
		assert_in_range(sum, 65000, 265000);
	}
	/* where stacks are deep each takes so long */
	assert_int_equal(cp_tick_weight(900000, 400000), 900000);
	assert_int_equal(cp_tick_weight(6000000, 400000), 1600000);
}

static void lost_threads_are_counted(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	struct cp_counts *lost = bench.fake.rec->lost[CP_KIND_THREAD];
	lost[CP_LOST_BUSY].n[CP_THREADS_MADE] = 2;
	lost[CP_LOST_UNWIND].n[CP_THREADS_MADE] = 5;
	lost[CP_LOST_ROWS].n[CP_THREADS_ENDED] = 3; /* all ends are counted here */
	assert_int_equal(cp_view_threads(bench.view), 4);
	Cp__Profile *p = take(&bench, CP_PROFILE_THREADS);
	assert_int_equal(p->n_sample, 1);
	assert_int_equal(p->sample[0]->value[0], 4);
	assert_string_equal(frame_of(p, p->sample[0], 0), "[conprof lost: stack not unwound]");
	cp__profile__free_unpacked(p, NULL);
	tear_down(&bench);
}

static void full_batch_sums_up_the_rest(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	for (uint64_t i = 0; i < 5; i++) {
		const uint64_t frames[] = {0x400200 + i, 0x400300};
		uint32_t row = fake_row(&bench.fake, CP_KIND_CPU, 0, frames, 2);
		fake_count(&bench.fake, row, CP_CPU_NS, 10 * FAKE_PERIOD);
		fake_count(&bench.fake, row, CP_CPU_SAMPLES, 3);
	}
	struct cp_batch *batch = cp_batch_new(NULL);
	struct cp_intern *stacks = &batch->stacks[CP_PROFILE_CPU];
	const uint32_t rest[] = {77, 0, cp_batch_word(batch, CP_WORD_LOST + CP_LOST_ROWS)};
	stacks->max = 0;
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, 77, ALL), -ENOMEM);
	struct cp_coverage is;
	cp_batch_coverage(batch, CP_PROFILE_CPU, &is);
	assert_int_equal(is.samples, 0);
	/* the marks were kept: nothing is counted twice or lost. Two stacks, and one for the rest.
	 */
	stacks->max = 3;
	assert_non_null(cp_batch_sums(batch, CP_PROFILE_CPU, rest, 3));
	assert_int_equal(cp_batch_take(batch, bench.view, NULL, 77, ALL), 0);
	cp_batch_coverage(batch, CP_PROFILE_CPU, &is);
	assert_int_equal(is.samples, 6);
	assert_int_equal(is.lost, 9);
	assert_int_equal(cp_batch_lost(batch, CP_KIND_CPU, CP_LOST_ROWS), 9);
	Cp__Profile *p = unpack(batch, CP_PROFILE_CPU);
	assert_true(is_valid(p));
	assert_int_equal(p->n_sample, 3);
	assert_string_equal(frame_of(p, p->sample[0], 0), "[conprof lost: table of stacks full]");
	assert_int_equal(p->sample[0]->value[0], 30);
	assert_string_equal(text_of(p, p->comment[3]),
			    "conprof: stacks without room 3: summed up as lost");
	assert_int_equal(p->sample[1]->value[0] + p->sample[2]->value[0], 20);
	cp__profile__free_unpacked(p, NULL);
	cp_batch_free(batch);
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(losses_are_samples),
	    cmocka_unit_test(a_gap_is_a_frame),
	    cmocka_unit_test(a_note_is_a_frame),
	    cmocka_unit_test(ticks_are_taken_out),
	    cmocka_unit_test(a_pause_in_a_tick_is_no_cost),
	    cmocka_unit_test(lost_threads_are_counted),
	    cmocka_unit_test(full_batch_sums_up_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
