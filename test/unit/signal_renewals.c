/* signal_renewals.c - are the books exact to the byte after a storm of threads and renewals? */
/* SPDX-License-Identifier: MIT */
#include "test/unit/recorded.h"

#define THREADS	      4
#define SHELF	      512
#define ROUNDS	      2000000
#define ENOUGH	      40 /* renewals */
#define ROUNDS_MOVING 100

struct worker {
	pthread_t id;
	uint64_t number, seed;
	size_t size[SHELF]; /* of a block that is alive; 0: none */
	struct cp_made kept[16];
};

static uint64_t drawn(struct worker *w)
{
	return cp_random(&w->seed) >> 32;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct cp_block was;
	unsigned rounds = 0;

	for (uint64_t i = 0; i < ROUNDS && cp_state.rec->renewals < ENOUGH; i++) {
		uint64_t place = drawn(w) % SHELF, n = w->number * SHELF + place;
		struct cp_made *one = &w->kept[drawn(w) % 16];

		if (w->size[place]) {
			MUST(cp_block_end(block(n), &was) == 1);
			MUST(was.size == w->size[place]);
			w->size[place] = 0;
		} else {
			size_t size = 16 + drawn(w) % 4096;

			w->size[place] = sampled(n, size, drawn(w) % 100000) ? size : 0;
		}
		if (i % 8 == 0 && one->counted)
			ended(one), one->counted = 0;
		else if (i % 8 == 0)
			made(drawn(w) % 50, one);
		atomic_store(&cp_state.next_renewal_ns, 0);
		if (i % 16 == 0)
			sched_yield(); /* not always inside */
		/* some rounds of each thread, not most of all, nor more than there is room for
		 * words when who exchanges it is off the processor for long */
		for (rounds = cp_is_moving() ? rounds + 1 : 0; cp_is_moving(); usleep(20))
			if (rounds < ROUNDS_MOVING) {
				usleep(20);
				break;
			}
		while (joins < cp_state.rec->renewals)
			usleep(100); /* it is not renewed until the uploader has come */
		/* without a beat for 3 s, which a crowded machine takes, it would be moved */
		atomic_store(&cp_state.rec->heartbeat_ns, cp_now_ns());
	}
	return NULL;
}

static void end_all_of(const struct worker *w)
{
	struct cp_block was;

	for (uint64_t i = 0; i < SHELF; i++)
		assert_int_equal(cp_block_end(block(w->number * SHELF + i), &was), w->size[i] != 0);
	for (int i = 0; i < 16; i++)
		if (w->kept[i].counted)
			ended(&w->kept[i]);
}

static void is_balanced(uint32_t renewals)
{
	uint64_t allocated = 0;

	for (uint32_t i = 0; i <= renewals; i++) {
		struct cp_recording *rec = atomic_load(&held[i]), *next = atomic_load(&held[i + 1]);

		assert_non_null(rec);
		assert_int_equal(rec->renewals, i);
		allocated += sum(rec, CP_ALLOC_BYTES);
		if (i == renewals)
			break;
		assert_non_null(next);
		assert_int_equal(alive(rec), sum(next, CP_INHERITED_BYTES));
	}
	assert_int_equal(allocated, said);
}

/* Of each recording, what was alive at its end is what the next one began with. */
static void storms_leave_the_books_exact(void **state)
{
	static struct worker workers[THREADS];
	uint64_t bytes = 0, living = 0;
	uint32_t renewals;

	(void)state;
	for (uint64_t t = 0; t < THREADS; t++) {
		workers[t].number = workers[t].seed = t;
		assert_int_equal(pthread_create(&workers[t].id, NULL, work, &workers[t]), 0);
	}
	for (int t = 0; t < THREADS; t++) {
		pthread_join(workers[t].id, NULL);
		for (int i = 0; i < SHELF; i++)
			bytes += workers[t].size[i] ? bytes_of(workers[t].size[i]) : 0;
		for (int i = 0; i < 16; i++)
			living += workers[t].kept[i].counted;
	}
	renewals = cp_state.rec->renewals;
	while (joins < renewals)
		usleep(1000);
	print_message("%u renewals\n", renewals);
	assert_true(renewals >= 20);
	assert_int_equal(alive(cp_state.rec), bytes);
	assert_int_equal(threads(cp_state.rec), living);
	is_balanced(renewals);
	for (int t = 0; t < THREADS; t++)
		end_all_of(&workers[t]);
	assert_int_equal(alive(cp_state.rec), 0);
	assert_int_equal(threads(cp_state.rec), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(storms_leave_the_books_exact)};

	return cmocka_run_group_tests(tests, begin, NULL);
}
