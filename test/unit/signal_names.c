/* signal_names.c - are names of threads long gone forgotten, and those of the living kept? */
/* SPDX-License-Identifier: MIT */
#include <sys/prctl.h>

#include "signal/names.h"
#include "signal/who.h"
#include "test/unit/recorded.h"

/* Looks as any event does; 1: the recording was renewed, and the uploader has heard of it. */
static int look(void)
{
	uint32_t before = cp_state.rec->renewals;

	cp_state.next_renewal_ns = 0;
	CP_INSIDE (self)
		cp_moving_look();
	while (joins < cp_state.rec->renewals)
		usleep(100);
	return cp_state.rec->renewals == before + 1;
}

static const char *name_of(uint32_t number)
{
	uint32_t n = number & ~CP_WHO_NAME;

	return n ? (const char *)cp_state.rec + cp_state.rec->names.at +
		       (n - 1) * sizeof(struct cp_name)
		 : "";
}

static const char *name_of_slot(uint32_t slot)
{
	struct cp_thread_slot *slots =
	    (struct cp_thread_slot *)((char *)cp_state.rec + cp_state.rec->threads.at);

	return name_of(slots[slot - 1].name);
}

/* A thread of that name is there. */
static void come(struct cp_thread *self, const char *name)
{
	const struct cp_made nobody = {.counted = 0, .row = CP_NO_ROW};

	prctl(PR_SET_NAME, name);
	cp_roster_in(self, &nobody);
}

/* It allocates, and is gone. What it is called in the row. */
static const char *passes(int tid, const char *name)
{
	struct cp_thread self = {.tid = tid};
	uint32_t who;

	come(&self, name);
	who = cp_who(&self, CP_KIND_HEAP);
	cp_who_end(&self);
	cp_roster_out(&self);
	return name_of(who);
}

static void fill_up(void)
{
	char name[16];
	int made = 0;

	while (cp_state.rec->names_used < cp_state.rec->names.max * 3 / 4) {
		snprintf(name, sizeof name, "early%d", made++);
		assert_string_equal(passes(1000, name), name);
	}
}

/* The names of rows that hold something alive. */
static const char *holder(void)
{
	for (uint32_t i = 0; i < cp_state.rec->rows_used; i++) {
		const struct cp_row *row = &cp_rows(cp_state.rec)[i];

		if (row->kind == CP_KIND_HEAP && row->counts.n[CP_INHERITED_BYTES])
			return name_of(
			    (uint32_t)(cp_frames(cp_state.rec)[row->frames_at - 1] >> 32));
	}
	return "";
}

static void allocate(struct cp_thread *by, uint64_t block_number)
{
	enum cp_loss why = CP_LOST_BUSY;
	uint64_t pcs[24];
	uint32_t row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_HEAP, cp_who(by, CP_KIND_HEAP)),
				    pcs, stack_to_order(1, pcs), 0, &why);

	cp_block_count(row, why, CP_ALLOC_OBJECTS, 5000);
	assert_int_equal(cp_live_add(block(block_number), 5000, row), 0);
}

static void who_is_gone_is_forgotten(void **state)
{
	struct cp_thread stays = {.tid = 1}, holds = {.tid = 2};
	struct cp_block was;
	uint32_t who;

	(void)state;
	fill_up(); /* those that stay have other numbers afterwards */
	come(&holds, "holds");
	allocate(&holds, 1);
	cp_roster_out(&holds);
	come(&stays, "stays");
	who = cp_who(&stays, CP_KIND_HEAP);
	assert_string_equal(name_of(who), "stays");
	assert_int_equal(look(), 1);
	assert_int_equal(cp_state.rec->names_used, 2);
	assert_string_equal(name_of_slot(stays.slot), "stays");
	assert_string_equal(holder(), "holds");
	/* whatever number it remembers, and whether or not it was its turn to be looked at */
	passes(1000, "another");
	prctl(PR_SET_NAME, "stays");
	stays.looks = 4;
	assert_int_not_equal(cp_who(&stays, CP_KIND_HEAP), who);
	assert_string_equal(name_of(cp_who(&stays, CP_KIND_HEAP)), "stays");
	assert_int_equal(look(), 0);
	assert_int_equal(cp_block_end(block(1), &was), 1);
	cp_roster_out(&stays);
}

/* Months of threads that are all called differently. */
static void the_last_one_has_its_name(void **state)
{
	uint32_t before = cp_state.rec->renewals;
	char name[16];

	(void)state;
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof name, "job-%d", i);
		assert_string_equal(passes(5, name), name);
		look();
	}
	assert_true(cp_state.rec->renewals > before + 2000 / cp_state.rec->names.max);
}

/* A new recording would have as many. */
static void names_of_the_living_are_no_reason(void **state)
{
	static struct cp_thread many[64];
	uint64_t max = cp_state.rec->names.max, count = max * 15 / 16, now;
	char name[16];

	(void)state;
	assert_int_equal(max, 64);
	fill_up();
	assert_int_equal(look(), 1);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "alive%u", i);
		many[i].tid = (int)(100 + i);
		come(&many[i], name);
		(void)cp_who(&many[i], CP_KIND_HEAP);
	}
	assert_int_equal(look(), 1);
	assert_int_equal(cp_state.rec->names_used, count);
	assert_int_equal(look(), 0);
	passes(1000, "one more");
	assert_int_equal(look(), 0);
	passes(1000, "and more");
	now = cp_now_ns();
	assert_int_equal(look(), 1); /* half of what was free */
	assert_true(cp_state.next_renewal_ns > now + UINT64_C(2000000000));
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof name, "alive%u", i);
		assert_string_equal(name_of_slot(many[i].slot), name);
		cp_roster_out(&many[i]);
	}
}

static int begin_with_names(void **state)
{
	cp_state.sample_labels = CP_LABEL_ALL;
	return begin(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(who_is_gone_is_forgotten),
	    cmocka_unit_test(the_last_one_has_its_name),
	    cmocka_unit_test(names_of_the_living_are_no_reason),
	};

	return cmocka_run_group_tests(tests, begin_with_names, NULL);
}
