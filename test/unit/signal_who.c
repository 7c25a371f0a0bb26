/* signal_who.c - whose an event is: slots and when they are used again, names and when they are
 * seen. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "signal/names.h"
#include "signal/recording.h"
#include "signal/roster.h"
#include "signal/stacks.h"
#include "signal/who.h"
#include "test/unit/unit.h"

static const struct cp_made seven = {.counted = 1, .row = 7};
static const struct cp_made nobody = {.counted = 1, .row = CP_NO_ROW};

static struct cp_recording *fresh(void)
{
	int fd;
	struct cp_recording *rec = cp_recording_make(&fd);

	assert_non_null(rec);
	close(fd);
	return rec;
}

static int set_up(void **state)
{
	(void)state;
	cp_state.rec = fresh();
	cp_state.types = CP_TYPE_ALL;
	cp_state.sample_labels = CP_LABEL_ALL;
	cp_state.homeless = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cp_recording_drop(cp_state.rec);
	cp_state.rec = NULL;
	return 0;
}

static struct cp_thread_slot *slot_of(uint32_t slot)
{
	return (struct cp_thread_slot *)((char *)cp_state.rec + cp_state.rec->threads.at) + slot -
	       1;
}

static const char *name_of(uint32_t number)
{
	return (const char *)cp_state.rec + cp_state.rec->names.at +
	       (number - 1) * sizeof(struct cp_name);
}

/* A thread of that number comes, ticks if it shall, and goes. The slot it had. */
static uint32_t life(int tid, int ticks)
{
	struct cp_thread self = {.tid = tid};
	uint32_t slot;

	cp_roster_in(&self, &seven);
	slot = self.slot;
	if (ticks)
		assert_int_equal(cp_who(&self, CP_KIND_CPU), slot);
	cp_who_end(&self);
	cp_roster_out(&self);
	return slot;
}

/* What the uploader does. */
static void take(void)
{
	cp_state.rec->takes_done = ++cp_state.rec->takes_begun;
}

static void a_slot_waits_until_it_is_taken(void **state)
{
	uint32_t idle, busy, later;

	(void)state;
	idle = life(1000, 0);
	assert_int_equal(life(1000, 0), idle);
	busy = life(1000, 1);
	assert_int_equal(busy, idle);
	assert_int_equal(slot_of(busy)->tid, 1000);
	later = life(1000, 1);
	assert_int_not_equal(later, busy);
	/* a take that began before a thread's end does not have all of it */
	cp_state.rec->takes_begun++;
	assert_int_not_equal(life(1000, 0), busy);
	cp_state.rec->takes_done = cp_state.rec->takes_begun;
	assert_int_equal(life(1000, 1), busy);
	assert_int_not_equal(life(1000, 0), busy);
	take();
	assert_int_equal(life(1000, 0), busy);
	/* ends were counted, of those alone that were counted as made */
	assert_true(cp_state.rec->lost[CP_KIND_THREAD][CP_LOST_ROWS].n[CP_THREADS_ENDED] == 0);
}

static void a_stamp_that_ran_round_is_a_stamp(void **state)
{
	(void)state;
	assert_false(cp_thread_is_over(cp_thread_ended(0x3fffffff), 0x3fffffff));
	assert_true(cp_thread_is_over(cp_thread_ended(0x3fffffff), 0x40000000));
	assert_true(cp_thread_is_over(cp_thread_ended(UINT32_MAX), 0));
	assert_false(cp_thread_is_over(cp_thread_ended(0), UINT32_MAX));
	assert_false(cp_thread_is_over(CP_THREAD_ALIVE, 100));
	assert_false(cp_thread_is_over(CP_THREAD_CLAIMED, 100));
}

/* A process makes a million threads, each with a tick: all that are not yet taken have a slot while
 * there are any, then a name. */
static void a_full_list_leaves_the_name(void **state)
{
	uint32_t with = 0, named = 0;

	(void)state;
	prctl(PR_SET_NAME, "many");
	for (int tid = 1; tid <= 40000; tid++) {
		struct cp_thread self = {.tid = tid};
		uint32_t who;

		cp_roster_in(&self, &nobody);
		who = cp_who(&self, CP_KIND_CPU);
		with += who && !(who & CP_WHO_NAME);
		named += (who & CP_WHO_NAME) != 0;
		cp_roster_out(&self);
	}
	assert_int_equal(with + named, 40000);
	assert_true(with > cp_state.rec->threads.max / 2 && with <= cp_state.rec->threads.max);
	assert_int_equal(cp_state.rec->names_used, 1);
	/* all were counted as ended */
	assert_int_equal(cp_state.rec->lost[CP_KIND_THREAD][CP_LOST_ROWS].n[CP_THREADS_ENDED],
			 40000);
}

static void a_new_name_is_seen(void **state)
{
	struct cp_thread self = {.tid = 5};
	uint32_t first, second;

	(void)state;
	prctl(PR_SET_NAME, "before");
	cp_roster_in(&self, &nobody);
	first = cp_who(&self, CP_KIND_HEAP); /* the first */
	assert_string_equal(name_of(first & ~CP_WHO_NAME), "before");
	prctl(PR_SET_NAME, "fifteen letters");
	second = cp_who(&self, CP_KIND_HEAP);
	assert_string_equal(name_of(second & ~CP_WHO_NAME), "fifteen letters");
	prctl(PR_SET_NAME, "before");
	for (int i = 2; i < 256; i++)
		second = cp_who(&self, CP_KIND_HEAP);
	assert_int_equal(first, second); /* each name once */
	assert_int_equal(cp_state.rec->names_used, 2);
	/* the last one counts for a thread with rows */
	assert_int_equal(cp_who(&self, CP_KIND_CPU), self.slot);
	prctl(PR_SET_NAME, "at last");
	cp_who_end(&self);
	assert_string_equal(name_of(slot_of(self.slot)->name), "at last");
}

static void only_what_is_asked_for(void **state)
{
	struct cp_thread self = {.tid = 5};

	(void)state;
	cp_state.sample_labels = CP_LABEL_PID;
	cp_roster_in(&self, &nobody);
	assert_int_equal(cp_who(&self, CP_KIND_CPU), 0);
	assert_int_equal(cp_who(&self, CP_KIND_HEAP), 0);
	cp_state.sample_labels = CP_LABEL_THREAD;
	assert_int_equal(cp_who(&self, CP_KIND_CPU), CP_WHO_NAME | 1);
	assert_false(self.has_rows);
	cp_state.sample_labels = CP_LABEL_TID;
	self.looks = 0;
	assert_int_equal(cp_who(&self, CP_KIND_CPU), self.slot);
	assert_int_equal(cp_who(&self, CP_KIND_HEAP), 0);
	/* where a filter may stand, nobody is asked */
	cp_state.sample_labels = CP_LABEL_THREAD;
	cp_state.homeless = 1;
	self.looks = self.name = 0;
	assert_int_equal(cp_who(&self, CP_KIND_CPU), 0);
}

/* By a system call, perhaps. It has not been counted as made, so neither as ended. */
static void a_stranger_comes_into_the_list(void **state)
{
	struct cp_thread self = {.tid = 99};
	uint32_t who = cp_who(&self, CP_KIND_CPU);

	(void)state;
	assert_int_equal(who, self.slot);
	assert_int_not_equal(self.slot, 0);
	assert_int_equal(slot_of(self.slot)->tid, 99);
	cp_roster_out(&self);
	assert_int_equal(cp_state.rec->lost[CP_KIND_THREAD][CP_LOST_ROWS].n[CP_THREADS_ENDED], 0);
}

static void full_names_are_nobodys(void **state)
{
	uint64_t text[2] = {0, 0};

	(void)state;
	assert_int_equal(cp_name_number(cp_state.rec, text), 0);
	for (uint32_t i = 1; i <= cp_state.rec->names.max; i++) {
		text[0] = i;
		assert_int_equal(cp_name_number(cp_state.rec, text), i);
	}
	text[0]++;
	assert_int_equal(cp_name_number(cp_state.rec, text), 0);
	text[0] = 3;
	assert_int_equal(cp_name_number(cp_state.rec, text), 3);
}

/* A child's live blocks are its parent's threads'. */
static void a_name_is_carried_over(void **state)
{
	struct cp_recording *other = fresh();
	uint64_t text[2] = {0, 0};

	(void)state;
	memcpy(text, "second", 6);
	assert_int_equal(cp_name_number(other, (uint64_t[]){0x6f6e65, 0}), 1);
	assert_int_equal(cp_name_number(other, text), 2);
	assert_int_equal(cp_who_of(cp_state.rec, other, CP_WHO_NAME | 2), CP_WHO_NAME | 1);
	assert_string_equal(name_of(1), "second");
	assert_int_equal(cp_who_of(cp_state.rec, other, 2), 0);
	assert_int_equal(cp_who_of(cp_state.rec, other, CP_WHO_NAME), 0);
	assert_int_equal(cp_who_of(cp_state.rec, other, CP_WHO_NAME | 3), 0);
	assert_int_equal(cp_who_of(cp_state.rec, other, UINT32_MAX), 0);
	cp_recording_drop(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_slot_waits_until_it_is_taken), TEST(a_stamp_that_ran_round_is_a_stamp),
	    TEST(a_full_list_leaves_the_name),	  TEST(a_new_name_is_seen),
	    TEST(only_what_is_asked_for),	  TEST(a_stranger_comes_into_the_list),
	    TEST(full_names_are_nobodys),	  TEST(a_name_is_carried_over)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
