/* encoder_film.c - whoever is killed, and whenever: what one uploader took and the next one takes
 * is what there was. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "encoder/batch.h"
#include "encoder/marks.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"

#define PID 1024
#define ALL (CP_BIT(CP_PROFILE_HEAP) | CP_BIT(CP_PROFILE_THREADS) | CP_BIT(CP_PROFILE_CPU))

struct world {
	struct fake fake;
	struct cp_view *view;
	struct cp_marks *marks;
	unsigned next;		/* name of the next film */
	unsigned safe[4096];	/* films that are in the spool */
	uint64_t made, arrived; /* bytes; ns of CPU stand beside them */
	uint64_t cpu_made, cpu_arrived;
	uint64_t hits_made, hits_arrived;
};

static int knows(void *ctx, const char *stem)
{
	const struct world *world = ctx;
	return (int)world->safe[strtoul(stem, NULL, 10)];
}

static void uploader_comes(struct world *world)
{
	char why[128];
	assert_int_equal(cp_view_open(world->fake.fd, &world->view, why, sizeof(why)), 0);
	world->marks = cp_marks_ship(world->view, knows, world);
	assert_non_null(world->marks);
}

/* All that is its own goes; the recording stays as it is. */
static void uploader_dies(struct world *world)
{
	cp_marks_free(world->marks);
	cp_view_close(world->view);
}

static void work(struct world *world, unsigned round)
{
	uint32_t used = world->fake.rec->rows_used;
	if (used < 60 || !(round % 3)) {
		const uint64_t frames[] = {0x400200 + 16 * (uint64_t)used};
		fake_row(&world->fake, used % 2 ? CP_KIND_CPU : CP_KIND_HEAP, 0, frames, 1);
		used++;
	}
	for (uint32_t i = round % 7; i < used; i += 1 + (uint32_t)rand() % 9) {
		unsigned n = 1 + (unsigned)rand() % 1000;
		if (fake_row_at(&world->fake, i)->kind == CP_KIND_CPU) {
			fake_count(&world->fake, i, CP_CPU_NS, n);
			world->cpu_made += n;
		} else {
			fake_count(&world->fake, i, CP_ALLOC_BYTES, n);
			world->fake.rec->hits[CP_HITS]++;
			world->made += n;
			world->hits_made++;
		}
	}
	world->fake.rec->lost[CP_KIND_CPU][CP_LOST_ROWS].n[CP_CPU_NS] += round;
	world->cpu_made += round;
}

struct taken {
	uint64_t bytes, cpu, hits;
};

static struct taken take(struct world *world)
{
	struct cp_coverage coverage;
	struct taken taken = {0};
	struct cp_batch *batch = cp_batch_new(NULL);
	assert_int_equal(cp_batch_take(batch, world->view, world->marks, PID, ALL), 0);
	for (uint32_t i = 0; i < batch->stacks[CP_PROFILE_HEAP].count; i++)
		taken.bytes +=
		    ((const struct cp_sums *)cp_intern_value(&batch->stacks[CP_PROFILE_HEAP], i))
			->n[1];
	for (uint32_t i = 0; i < batch->stacks[CP_PROFILE_CPU].count; i++)
		taken.cpu +=
		    ((const struct cp_sums *)cp_intern_value(&batch->stacks[CP_PROFILE_CPU], i))
			->n[1];
	cp_batch_coverage(batch, CP_PROFILE_HEAP, &coverage);
	taken.hits = coverage.samples;
	cp_batch_free(batch);
	return taken;
}

static void arrive(struct world *world, const struct taken *taken)
{
	world->arrived += taken->bytes;
	world->cpu_arrived += taken->cpu;
	world->hits_arrived += taken->hits;
}

/* Where a round may end with a kill. */
enum killed { AT_ONCE, AFTER_TAKE, AFTER_NOTE, IN_SPOOL, SAID_SAFE, IN_MOVE, NOT_AT_ALL };

/* Half of what would be moved: as if killed between two words of it. */
static void move_some(struct world *world)
{
	struct cp_recording *rec = world->fake.rec;
	const struct cp_move *moves = (const struct cp_move *)((const char *)rec + rec->moves.at);
	struct cp_mark *marks = (struct cp_mark *)((char *)rec + rec->marks.at);
	for (uint32_t i = 0; i < rec->film_moves / 2; i++)
		if (moves[i].what < CP_MOVE_LOST)
			marks[moves[i].what] = moves[i].to;
}

static void round_of(struct world *world, enum killed when, int works_on)
{
	char stem[32];
	unsigned film = world->next++;
	struct taken taken = {0};
	if (when >= AFTER_TAKE)
		taken = take(world);
	snprintf(stem, sizeof(stem), "%u", film);
	if (when >= AFTER_NOTE)
		assert_int_equal(cp_marks_film(world->marks, stem), 0);
	if (works_on)
		work(world, film);
	if (when >= IN_SPOOL) {
		world->safe[film] = 1;
		arrive(world, &taken);
	}
	if (when >= SAID_SAFE)
		cp_view_film_is_safe(world->view);
	if (when == IN_MOVE)
		move_some(world);
	if (when == NOT_AT_ALL)
		cp_marks_settle(world->marks);
}

static void set_up(struct world *world)
{
	*world = (struct world){.next = 1};
	srand(7);
	fake_new(&world->fake);
	uploader_comes(world);
}

static void expect_all(struct world *world)
{
	do
		round_of(world, NOT_AT_ALL, 0);
	while (world->marks->is_late);
	assert_int_equal(world->arrived, world->made);
	assert_int_equal(world->cpu_arrived, world->cpu_made);
	assert_int_equal(world->hits_arrived, world->hits_made);
	uploader_dies(world);
	fake_free(&world->fake);
}

static void kill_often(struct world *was)
{
	struct world world = *was;
	for (unsigned i = 0; i < 1000; i++) {
		enum killed when = (enum killed)(rand() % (NOT_AT_ALL + 1));
		work(&world, i);
		round_of(&world, when, rand() % 2);
		if (when == NOT_AT_ALL && rand() % 2)
			continue;
		uploader_dies(&world);
		if (rand() % 2)
			work(&world, i);
		uploader_comes(&world);
	}
	expect_all(&world);
}

static void nothing_is_lost_or_counted_twice(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	kill_often(&world);
}

/* More rows change from film to film than there is room for moves: what is late is taken later. */
static void with_little_room_neither(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	uploader_dies(&world);
	world.fake.rec->moves.max = 10 + CP_MOVES_MORE;
	uploader_comes(&world);
	for (unsigned i = 0; i < 100; i++)
		work(&world, i);
	take(&world);
	assert_true(world.marks->is_late);
	uploader_dies(&world);
	uploader_comes(&world);
	kill_often(&world);
}

/* One film is not safe yet when the next one is due: both go together later. */
static void a_film_that_waits_holds_up_the_next(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	work(&world, 1);
	struct taken first = take(&world);
	assert_int_equal(cp_marks_film(world.marks, "1"), 0);
	work(&world, 2);
	struct taken second = take(&world);
	assert_int_equal(cp_marks_film(world.marks, "2"), -EBUSY);
	world.safe[1] = 1;
	arrive(&world, &first);
	(void)second; /* is lost with the uploader, */
	uploader_dies(&world);
	uploader_comes(&world);
	second = take(&world); /* and taken again */
	assert_int_equal(cp_marks_film(world.marks, "3"), 0);
	arrive(&world, &second);
	cp_view_film_is_safe(world.view);
	cp_marks_finish(world.marks);
	world.next = 4;
	expect_all(&world);
}

/* An uploader that leaves in peace leaves nothing open. */
static void who_finishes_has_moved_all(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	work(&world, 1);
	struct taken taken = take(&world);
	assert_int_equal(cp_marks_film(world.marks, "1"), 0);
	arrive(&world, &taken);
	work(&world, 2);
	taken = take(&world);
	arrive(&world, &taken);
	cp_marks_finish(world.marks);
	assert_int_equal(world.fake.rec->film, CP_FILM_NONE);
	uploader_dies(&world);
	uploader_comes(&world);
	expect_all(&world);
}

/* Threads' slots are free when what they did is safe, not when it is taken. */
static void slots_wait_for_safety(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	uint32_t ended = cp_thread_ended(world.fake.rec->takes_begun);
	take(&world);
	cp_marks_film(world.marks, "1");
	assert_false(cp_thread_is_over(ended, world.fake.rec->takes_done));
	cp_view_film_is_safe(world.view);
	assert_false(cp_thread_is_over(ended, world.fake.rec->takes_done));
	cp_marks_settle(world.marks);
	assert_true(cp_thread_is_over(ended, world.fake.rec->takes_done));
	uploader_dies(&world);
	fake_free(&world.fake);
}

/* The target thought that nobody was there and made a copy, in the midst of a film. */
static void a_copy_goes_on(void **state)
{
	struct world world;
	(void)state;
	set_up(&world);
	for (unsigned i = 0; i < 60; i++) {
		char stem[32];
		struct fake copy;
		char why[128];
		work(&world, i);
		struct taken taken = take(&world);
		snprintf(stem, sizeof(stem), "%u", world.next);
		if (i % 4 != 3)
			assert_int_equal(cp_marks_film(world.marks, stem), 0);
		fake_new(&copy);
		memcpy(copy.rec, world.fake.rec, copy.size);
		work(&world, i); /* is nowhere in the copy: it never was */
		world.cpu_made -= i;
		world.fake.rec->lost[CP_KIND_CPU][CP_LOST_ROWS].n[CP_CPU_NS] -= i;
		memcpy((char *)copy.rec + copy.rec->rows.at,
		       (char *)world.fake.rec + world.fake.rec->rows.at,
		       4096 * sizeof(struct cp_row));
		memcpy((char *)copy.rec + copy.rec->frames.at,
		       (char *)world.fake.rec + world.fake.rec->frames.at, 65536 * 8);
		copy.rec->rows_used = world.fake.rec->rows_used;
		copy.rec->frames_used = world.fake.rec->frames_used;
		copy.rec->hits[CP_HITS] = world.fake.rec->hits[CP_HITS];
		struct cp_view *old = world.view;
		cp_view_hold(old); /* the film's */
		if (i % 4 == 0) {  /* settled in the old one, which is not known in the new one */
			cp_view_film_is_safe(old);
			cp_marks_settle(world.marks);
		}
		assert_int_equal(cp_view_open(copy.fd, &world.view, why, sizeof(why)), 0);
		cp_marks_ship_on(world.marks, world.view);
		cp_view_close(old);
		cp_view_film_is_safe(old); /* late */
		cp_view_let_go(old);
		cp_marks_settle(world.marks);
		fake_free(&world.fake);
		world.fake = copy;
		if (i % 4 != 3)
			world.safe[world.next] = 1;
		if (i % 4 != 3 || i % 8 == 3)
			arrive(&world, &taken);
		world.next++;
		if (i % 4 == 3 && i % 8 != 3) { /* not arrived: it dies with us */
			uploader_dies(&world);
			uploader_comes(&world);
		}
	}
	expect_all(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_lost_or_counted_twice),
	    cmocka_unit_test(with_little_room_neither),
	    cmocka_unit_test(a_film_that_waits_holds_up_the_next),
	    cmocka_unit_test(who_finishes_has_moved_all),
	    cmocka_unit_test(slots_wait_for_safety),
	    cmocka_unit_test(a_copy_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
