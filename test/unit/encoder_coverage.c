/* encoder_coverage.c - proves encoder/coverage.c: what a profile says of its own samples. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "test/unit/unpacked.h"

#define ALL (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS) | CP_BIT(CP_PROFILE_CPU))

struct bench {
	struct fake fake;
	struct cp_view *view;
	struct cp_batch *batch;
	Cp__Profile *p;
};

static void set_up(struct bench *bench)
{
	char why[128];
	fake_new(&bench->fake);
	fake_module(&bench->fake, "/bin/fake", 0x400000, 0x500000, 0, 0x400000);
	assert_int_equal(cp_view_open(bench->fake.fd, &bench->view, why, sizeof(why)), 0);
	bench->batch = NULL;
	bench->p = NULL;
}

static void forget(struct bench *bench)
{
	if (bench->p)
		cp__profile__free_unpacked(bench->p, NULL);
	cp_batch_free(bench->batch);
	bench->batch = NULL;
	bench->p = NULL;
}

static void tear_down(struct bench *bench)
{
	forget(bench);
	cp_view_close(bench->view);
	fake_free(&bench->fake);
}

/* The next snapshot's profile. */
static void take(struct bench *bench, enum cp_profile which)
{
	forget(bench);
	bench->batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(bench->batch, bench->view, NULL, 77, CP_BIT(which)), 0);
	bench->p = unpack(bench->batch, which);
	assert_true(is_valid(bench->p));
}

static void check(const struct bench *bench, enum cp_profile which, struct cp_coverage expected)
{
	struct cp_coverage is;
	cp_batch_coverage(bench->batch, which, &is);
	assert_int_equal(is.samples, expected.samples);
	assert_int_equal(is.lost, expected.lost);
	assert_int_equal(is.truncated, expected.truncated);
	assert_int_equal(is.ended_early, expected.ended_early);
}

static const char *comment(const struct bench *bench, size_t i)
{
	return i < bench->p->n_comment ? text_of(bench->p, bench->p->comment[i]) : "NONE";
}

static void tick(struct bench *bench, uint64_t frame, unsigned flags, uint64_t samples,
		 uint64_t periods)
{
	const uint64_t frames[] = {0x400100, frame};
	uint32_t row = fake_row(&bench->fake, CP_KIND_CPU, flags, frames, 2);
	fake_count(&bench->fake, row, CP_CPU_SAMPLES, samples);
	fake_count(&bench->fake, row, CP_CPU_NS, periods * FAKE_PERIOD);
}

static void cpu_says_what_became_of_each_tick(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	struct cp_counts *lost = bench.fake.rec->lost[CP_KIND_CPU];
	tick(&bench, 0x400200, 0, 100, 110);
	tick(&bench, 0x400300, CP_ROW_ENDED_EARLY | CP_ROW_LEAF_IS_PC, 3, 4);
	tick(&bench, 0x400400, CP_ROW_TRUNCATED, 2, 2);
	tick(&bench, 0x400500, CP_ROW_GAP, 5, 6);
	tick(&bench, 0x400600, CP_ROW_GAP | CP_ROW_ENDED_EARLY, 7, 7);
	lost[CP_LOST_BUSY].n[CP_CPU_SAMPLES] = 2;
	lost[CP_LOST_BUSY].n[CP_CPU_NS] = 2 * FAKE_PERIOD;
	lost[CP_LOST_STACK_ROOM].n[CP_CPU_SAMPLES] = 1;
	lost[CP_LOST_STACK_ROOM].n[CP_CPU_NS] = 9 * FAKE_PERIOD;
	take(&bench, CP_PROFILE_CPU);
	check(&bench, CP_PROFILE_CPU, (struct cp_coverage){117, 3, 14, 10});
	assert_string_equal(comment(&bench, 0), "conprof: version " CP_VERSION ", processes 1");
	assert_string_equal(comment(&bench, 1),
			    "conprof: samples 117, lost 3 (busy 2, stack_room 1), truncated 14, "
			    "ended early 10");
	assert_string_equal(comment(&bench, 2),
			    "conprof: periods 129, lost 11, truncated 15, ended early 11");
	assert_string_equal(comment(&bench, 3), "conprof: of no known thread: samples 117");
	assert_int_equal(bench.p->n_comment, 4);
	/* and so does the stack itself, at its root */
	assert_string_equal(frame_of(bench.p, bench.p->sample[1], 2),
			    "[conprof: stack ended early]");
	assert_string_equal(frame_of(bench.p, bench.p->sample[0], 2), "");
	take(&bench, CP_PROFILE_CPU);
	check(&bench, CP_PROFILE_CPU, (struct cp_coverage){0, 0, 0, 0}); /* of its period alone */
	tick(&bench, 0x400700, CP_ROW_ENDED_EARLY, 1, 1);
	take(&bench, CP_PROFILE_CPU);
	check(&bench, CP_PROFILE_CPU, (struct cp_coverage){1, 0, 0, 1});
	tear_down(&bench);
}

static void allocation(struct bench *bench, uint64_t frame, unsigned flags, uint64_t bytes,
		       uint64_t freed)
{
	const uint64_t frames[] = {0x400100, frame};
	uint32_t row = fake_row(&bench->fake, CP_KIND_HEAP, flags, frames, 2);
	fake_count(&bench->fake, row, CP_ALLOC_OBJECTS, CP_OBJECT_ONE);
	fake_count(&bench->fake, row, CP_ALLOC_BYTES, bytes);
	fake_count(&bench->fake, row, CP_FREED_BYTES, freed);
	bench->fake.rec->hits[CP_HITS]++;
	bench->fake.rec->hits[CP_HITS_EARLY] += !!(flags & CP_ROW_ENDED_EARLY);
	bench->fake.rec->hits[CP_HITS_DEEP] += !!(flags & CP_ROW_GAP);
}

static void heap_counts_samples_and_weighs_them(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	struct cp_recording *rec = bench.fake.rec;
	allocation(&bench, 0x400200, 0, 1000, 400);
	allocation(&bench, 0x400300, CP_ROW_ENDED_EARLY, 500, 100);
	allocation(&bench, 0x400400, CP_ROW_GAP, 70, 0);
	rec->hits[CP_HITS] += 2;
	rec->hits[CP_HITS_LOST + CP_LOST_ROWS] = 2;
	rec->hits[CP_HITS_LOST + CP_LOST_LIVE] = 1; /* it has a stack */
	rec->lost[CP_KIND_HEAP][CP_LOST_ROWS].n[CP_ALLOC_BYTES] = 64;
	rec->lost[CP_KIND_HEAP][CP_LOST_LIVE].n[CP_ALLOC_BYTES] = 64;
	take(&bench, CP_PROFILE_HEAP);
	check(&bench, CP_PROFILE_HEAP, (struct cp_coverage){3, 2, 1, 1});
	assert_int_equal(cp_batch_lost(bench.batch, CP_KIND_HEAP, CP_LOST_LIVE), 1);
	assert_string_equal(comment(&bench, 1), "conprof: samples 3, lost 2 (table_full 2), "
						"truncated 1, ended early 1");
	assert_string_equal(comment(&bench, 2),
			    "conprof: alloc_space 1570, lost 64, truncated 70, ended early 500");
	assert_string_equal(comment(&bench, 3),
			    "conprof: inuse_space 1070, truncated 70, ended early 400");
	assert_string_equal(comment(&bench, 4),
			    "conprof: not followed 1: allocated, but never in use here");
	take(&bench, CP_PROFILE_HEAP);
	check(&bench, CP_PROFILE_HEAP, (struct cp_coverage){0, 0, 0, 0});
	/* what is in use is absolute */
	assert_string_equal(comment(&bench, 3),
			    "conprof: inuse_space 1070, truncated 70, ended early 400");
	/* a recording may say anything */
	rec->hits[CP_HITS_LOST + CP_LOST_ROWS] = UINT64_MAX;
	rec->hits[CP_HITS_LOST + CP_LOST_BUSY] = UINT64_MAX;
	take(&bench, CP_PROFILE_HEAP);
	check(&bench, CP_PROFILE_HEAP, (struct cp_coverage){0, UINT64_MAX, 0, 0});
	tear_down(&bench);
}

static void threads_are_samples_of_themselves(void **state)
{
	struct bench bench;
	const uint64_t frames[] = {0x400100, 0x400200};
	(void)state;
	set_up(&bench);
	uint32_t row = fake_row(&bench.fake, CP_KIND_THREAD, CP_ROW_ENDED_EARLY, frames, 2);
	fake_count(&bench.fake, row, CP_THREADS_MADE, 5);
	fake_count(&bench.fake, row, CP_THREADS_ENDED, 2);
	bench.fake.rec->lost[CP_KIND_THREAD][CP_LOST_BUSY].n[CP_THREADS_MADE] = 1;
	for (int i = 0; i < 2; i++) {
		take(&bench, CP_PROFILE_THREADS);
		check(&bench, CP_PROFILE_THREADS, (struct cp_coverage){3, 1, 0, 3});
		assert_string_equal(comment(&bench, 1),
				    "conprof: threads 3, lost 1, truncated 0, ended early 3");
	}
	tear_down(&bench);
}

static void silence_is_told(void **state)
{
	struct bench bench;
	(void)state;
	set_up(&bench);
	bench.fake.rec->silenced = CP_SILENCED_BY_FILTER;
	take(&bench, CP_PROFILE_CPU);
	assert_string_equal(comment(&bench, 3), "conprof: silenced by a seccomp filter, processes "
						"1: nothing more is recorded there");
	bench.fake.rec->silenced = CP_SILENCED_BY_LOCK;
	take(&bench, CP_PROFILE_THREADS);
	assert_string_equal(comment(&bench, 2), "conprof: silenced by mlockall, processes 1: "
						"nothing more is recorded there");
	bench.fake.rec->silenced = 1000;
	take(&bench, CP_PROFILE_THREADS);
	assert_string_equal(comment(&bench, 2), "NONE");
	tear_down(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(cpu_says_what_became_of_each_tick),
	    cmocka_unit_test(heap_counts_samples_and_weighs_them),
	    cmocka_unit_test(threads_are_samples_of_themselves),
	    cmocka_unit_test(silence_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
