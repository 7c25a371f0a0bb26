/* signal_moving.c - what happens in, and around, the moment in which the recording is exchanged? */
/* SPDX-License-Identifier: MIT */
#include "test/unit/recorded.h"

/* ---- one by one ---- */

/* Whoever is told of an exchange has heard of it: nobody counts it later. */
static void await_join(uint32_t before)
{
	while (joins == before)
		usleep(1000);
}

static void renew(void)
{
	uint32_t before = cp_state.rec->renewals, heard = joins;

	cp_state.next_renewal_ns = 0;
	cp_state.rec->rows_used = (uint32_t)cp_state.rec->rows.max; /* unfinished rows */
	CP_INSIDE (self)
		cp_moving_look();
	assert_int_equal(cp_state.rec->renewals, before + 1);
	await_join(heard);
}

/* Who comes while it is exchanged does not wait, and is not forgotten. */
static void ends_meanwhile_are_counted(void **state)
{
	struct cp_block was;
	struct cp_made one;

	(void)state;
	renew();
	assert_int_equal(sampled(1, 100, 1), 1);
	assert_int_equal(made(7, &one), 1);
	assert_int_equal(threads(cp_state.rec), 1);
	wiped.phase = CP_MOVING;
	assert_int_equal(cp_block_end(block(1), &was), 1);
	assert_int_equal(was.size, 100);
	assert_int_equal(cp_block_end(block(1), &was), 0);
	assert_int_equal(sampled(2, 100, 2), 0);
	ended(&one);
	assert_int_equal(alive(cp_state.rec), bytes_of(100));
	assert_int_equal(threads(cp_state.rec), 1);
	wiped.phase = CP_RUNNING;
	renew();
	assert_int_equal(sum(cp_state.rec, CP_INHERITED_BYTES), bytes_of(100));
	assert_int_equal(alive(cp_state.rec), 0);
	assert_int_equal(threads(cp_state.rec), 0);
}

static void a_block_that_did_not_move_goes_on(void **state)
{
	struct cp_block was, again;

	(void)state;
	renew();
	assert_int_equal(sampled(1, 5000, 1), 1);
	assert_int_equal(cp_block_end(block(1), &was), 1);
	assert_int_equal(alive(cp_state.rec), 0);
	cp_block_go_on(block(1), &was);
	assert_int_equal(alive(cp_state.rec), bytes_of(5000));
	assert_int_equal(sum(cp_state.rec, CP_ALLOC_BYTES), bytes_of(5000));
	assert_int_equal(cp_block_end(block(1), &again), 1);
	renew();
	cp_block_go_on(block(1), &was); /* its row is another's now */
	assert_int_equal(alive(cp_state.rec), 0);
	assert_int_equal(cp_block_end(block(1), &again), 0);
}

/* More stacks alive than there is room for frames: those without a row are alive all the same. */
static void what_has_no_room_stays_alive(void **state)
{
	struct cp_block was;
	uint64_t bytes = 0;
	uint32_t lost;

	(void)state;
	renew();
	for (uint64_t n = 0; n < 100; n++)
		bytes += sampled(n, 1000, n) ? bytes_of(1000) : 0;
	assert_int_equal(bytes, 100 * bytes_of(1000));
	for (uint32_t i = 0; i < cp_state.rec->rows_used; i++)
		cp_rows(cp_state.rec)[i].depth = 1; /* the reader finds its frames ... */
	cp_state.rec->frames.max = 64;		    /* ... of the first rows alone */
	renew();
	lost = (uint32_t)cp_state.rec->lost[CP_KIND_HEAP][CP_LOST_ROWS].n[CP_INHERITED_OBJECTS];
	assert_true(lost > 0);
	assert_int_equal(alive(cp_state.rec), bytes);
	for (uint64_t n = 0; n < 100; n++)
		assert_int_equal(cp_block_end(block(n), &was), 1);
	assert_int_equal(alive(cp_state.rec), 0);
}

/* What is alive in a full one would fill the next one: it waits longer and longer. */
static void live_stacks_alone_are_no_reason(void **state)
{
	struct cp_recording *rec = cp_state.rec;
	uint32_t before, heard;
	uint64_t now;

	(void)state;
	renew();
	rec->kept_rows = (uint32_t)(rec->rows.max * 15 / 16);
	before = rec->renewals;
	cp_state.next_renewal_ns = 0;
	rec->rows_used = rec->kept_rows + 10;
	CP_INSIDE (self)
		cp_moving_look();
	assert_int_equal(rec->renewals, before);
	rec->kept_rows = 0;
	now = cp_now_ns();
	renew();
	assert_true(cp_state.next_renewal_ns >= now + 1000000000); /* not within a second */
	cp_state.next_renewal_ns = UINT64_MAX;
	cp_state.rec->rows_used = (uint32_t)rec->rows.max;
	heard = joins;
	CP_INSIDE (self)
		cp_moving_look();
	assert_int_equal(rec->renewals, before + 1);
	assert_int_equal(joins, heard);
}

/* Nobody reads the one that is there: what it holds would be lost. */
static void an_unread_one_is_kept(void **state)
{
	struct cp_recording *rec = cp_state.rec;
	uint32_t before;

	(void)state;
	renew();
	before = rec->renewals;
	cp_state.next_renewal_ns = 0;
	rec->rows_used = (uint32_t)rec->rows.max;
	rec->heartbeat_ns = CP_HEARTBEAT_NEVER;
	CP_INSIDE (self)
		cp_moving_look();
	rec->heartbeat_ns = CP_HEARTBEAT_LEFT;
	CP_INSIDE (self)
		cp_moving_look();
	assert_int_equal(rec->renewals, before);
	rec->heartbeat_ns = cp_now_ns();
	atomic_fetch_add(cp_state.inside, 1); /* another thread */
	CP_INSIDE (self)
		cp_moving_look();
	assert_int_equal(rec->renewals, before);
	atomic_fetch_sub(cp_state.inside, 1);
	renew();
}

/* The uploader has not been heard of for long. How long does its end have to wait that comes next,
 * from the moment on in which another was found? */
static uint64_t next_after_silence(void)
{
	uint32_t before = joins;

	cp_state.next_join_ns = 0;
	cp_state.rec->heartbeat_ns = cp_now_ns() - UINT64_C(16000000000);
	CP_INSIDE (self)
		cp_moving_look();
	await_join(before);
	return cp_state.next_join_ns - cp_state.joined_ns;
}

/* One that is killed has a follower at once; where none lives, there is one a minute. */
static void uploaders_that_die_soon_are_started_ever_more_rarely(void **state)
{
	const uint64_t second = 1000000000;
	uint64_t wait = 0, before;

	(void)state;
	cp_state.joined_ns = cp_now_ns() - 61 * second;
	assert_true(next_after_silence() < second);
	for (int i = 0; i < 5; i++)
		assert_true(next_after_silence() < 3 * second); /* no longer than it is not seen */
	for (int i = 0; i < 8; i++) {
		before = wait;
		wait = next_after_silence();
		assert_true(wait >= before);
	}
	assert_int_equal(wait, 60 * second);
	cp_state.joined_ns = cp_now_ns() - 61 * second;
	assert_true(next_after_silence() < second);
}

static pid_t dead_process(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

/* Not yet silent, however long the machine stands still. */
#define JUST_NOW (cp_now_ns() + UINT64_C(600000000000))

/* Whether it was handed over at the process's end, when its uploader was this one and beat then; 2:
 * it was tried in vain. */
static uint32_t handed_over_at_end(pid_t uploader_pid, uint64_t beat)
{
	uint32_t before = joins;

	cp_state.next_join_ns = 0;
	cp_state.rec->uploader_pid = (uint32_t)uploader_pid;
	cp_state.rec->heartbeat_ns = beat;
	CP_INSIDE (self)
		cp_moving_end();
	for (int i = 0; i < 60000 && cp_state.next_join_ns && joins == before; i++)
		usleep(1000);
	return joins == before && cp_state.next_join_ns ? 2 : joins - before;
}

/* There is no later event that would see it, and no silence to wait for: it has to be certain. */
static void a_dead_uploader_is_seen_at_the_end(void **state)
{
	char elder[sizeof cp_home.elder] = "conprof-nobody-is-there";

	(void)state;
	renew();
	assert_int_equal(handed_over_at_end(getpid(), JUST_NOW), 0); /* it lives */
	assert_int_equal(handed_over_at_end(dead_process(), CP_HEARTBEAT_NEVER), 0);
	assert_int_equal(handed_over_at_end(dead_process(), CP_HEARTBEAT_LEFT), 0);
	assert_int_equal(handed_over_at_end(0, JUST_NOW), 0);
	assert_int_equal(handed_over_at_end(dead_process(), JUST_NOW), 1);
	atomic_fetch_add(cp_state.inside, 1); /* another thread, which stays */
	assert_int_equal(handed_over_at_end(dead_process(), JUST_NOW), 0);
	atomic_fetch_sub(cp_state.inside, 1);
	cp_set_phase(CP_OFF); /* another thread has come under a filter in the meantime */
	assert_int_equal(handed_over_at_end(dead_process(), JUST_NOW), 0);
	cp_set_phase(CP_RUNNING);
	/* who has become another user may be sent away where others are welcome */
	memcpy(cp_home.elder, elder, sizeof elder);
	memcpy(elder, cp_home.name, sizeof elder);
	memcpy(cp_home.name, cp_home.elder, sizeof elder);
	assert_int_equal(handed_over_at_end(dead_process(), JUST_NOW), 0);
	memcpy(cp_home.name, elder, sizeof elder);
	cp_home.elder[0] = '\0';
}

/* ---- a forked child ---- */

/* An old recording of 64 blocks in rows 0 to 63, and the one that is about to follow it. */
static struct cp_recording *follower(uint32_t *map, uint64_t *bytes)
{
	struct cp_recording *new;
	uint64_t pc = 1;
	enum cp_loss why;
	int fd;

	renew();
	for (uint64_t n = 0; n < 64; n++)
		*bytes += sampled(n, 1000 + n, n) ? bytes_of(1000 + n) : 0;
	new = cp_recording_make(&fd);
	assert_non_null(new);
	close(fd);
	cp_recording_inherit(new, cp_state.rec);
	new->renewals++;
	cp_stack_row(new, cp_whose(CP_KIND_CPU, 0), &pc, 1, 0,
		     &why); /* so that rows have other numbers */
	cp_blocks_copy(new, cp_state.rec, map);
	return new;
}

/* Its parent had turned every other block to the new recording's rows. */
static void half_turned_blocks_are_a_childs(void **state)
{
	static uint32_t map[1 << 16];
	uint64_t bytes = 0;
	struct cp_recording *old, *mine, *new = follower(map, &bytes);
	struct cp_lodger one;
	size_t size;
	uint32_t row;
	int fd;

	(void)state;
	old = cp_state.rec;
	cp_state.rec = new;
	cp_blocks_turn(map);
	cp_state.rec = old;
	for (uint64_t n = 0; n < 64; n += 2) {
		assert_int_equal(cp_live_find(block(n), &one), 1);
		cp_live_take(&one, &size, &row);
		assert_int_equal(row, map[n] - 1);
		assert_int_equal(cp_live_add(block(n), size, (uint32_t)n), 0);
	}
	mine = cp_recording_make(&fd);
	assert_non_null(mine);
	close(fd);
	cp_recording_inherit(mine, new);
	cp_state.rec = mine;
	cp_blocks_adopt(new, map);
	assert_int_equal(alive(mine), bytes);
	for (uint64_t n = 0; n < 64; n++) { /* as many bytes at each stack as were there */
		uint64_t pcs[24];
		enum cp_loss why;

		row = cp_stack_row(mine, cp_whose(CP_KIND_HEAP, 0), pcs, stack_to_order(n, pcs), 0,
				   &why);
		assert_int_equal(cp_rows(mine)[row].counts.n[CP_INHERITED_BYTES],
				 bytes_of(1000 + n));
	}
	cp_state.rec = old;
	cp_recording_drop(new);
	cp_recording_drop(mine);
}

/* ---- who jumped away ---- */

static void a_jump_is_noticed(void **state)
{
	struct cp_thread *self = &cp_self;
	char *here = __builtin_frame_address(0);
	uint32_t before = atomic_load(cp_state.inside);

	(void)state;
	self->stack_high = (uint64_t)(uintptr_t)here + 4096;
	cp_near_hold(self, here - 4096);
	cp_near_hold(self, here - 8192); /* a handler */
	assert_int_equal(atomic_load(cp_state.inside), before + 1);
	cp_near_look(self, (uint64_t)(uintptr_t)here - 5000); /* may still be at work */
	assert_int_equal(atomic_load(cp_state.inside), before + 1);
	cp_near_hold(self, here - 16); /* the stack has been left */
	assert_int_equal(self->near, 1);
	assert_int_equal(atomic_load(cp_state.inside), before + 1);
	cp_near_leave(self);
	assert_int_equal(atomic_load(cp_state.inside), before);
	cp_near_hold(self, here - 4096);
	cp_near_look(self, (uint64_t)(uintptr_t)here);
	assert_int_equal(self->near, 0);
	assert_int_equal(atomic_load(cp_state.inside), before);
	self->stack_high = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ends_meanwhile_are_counted),
	    cmocka_unit_test(a_block_that_did_not_move_goes_on),
	    cmocka_unit_test(what_has_no_room_stays_alive),
	    cmocka_unit_test(live_stacks_alone_are_no_reason),
	    cmocka_unit_test(an_unread_one_is_kept),
	    cmocka_unit_test(uploaders_that_die_soon_are_started_ever_more_rarely),
	    cmocka_unit_test(a_dead_uploader_is_seen_at_the_end),
	    cmocka_unit_test(half_turned_blocks_are_a_childs),
	    cmocka_unit_test(a_jump_is_noticed),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
