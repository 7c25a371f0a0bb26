/* spawn.c - pthread_create and thrd_create: a thread's creation stack, its timer, its end. */
/* SPDX-License-Identifier: MIT */
#include "hook/spawn.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <threads.h>
#include <unistd.h>

#include "hook/altstack.h"
#include "hook/real.h"
#include "signal/adopt.h"
#include "signal/apart.h"
#include "signal/near.h"
#include "signal/reserved.h"
#include "signal/rest.h"
#include "signal/roster.h"
#include "signal/stacks.h"
#include "signal/timer.h"
#include "signal/unwind.h"
#include "signal/who.h"

#include "hook/law.h"

/* What a new thread is to run, until it has begun: taken by the creator, given back by the thread.
 * More threads than this between being made and first running pass by unnoticed (and are counted).
 */
#define STARTS_MAX 256

struct start {
	_Atomic uint32_t taken;
	struct cp_made made;
	size_t stack; /* its size; 0: what the libc gives by default */
	union {
		void *(*pthread)(void *);
		thrd_start_t thrd;
	} run;
	void *arg;
};

static CP_LATE struct start starts[STARTS_MAX];

static struct start *take_start(void)
{
	for (int i = 0; i < STARTS_MAX; i++)
		if (!atomic_exchange_explicit(&starts[i].taken, 1, memory_order_acquire))
			return &starts[i];
	return NULL;
}

static void give_start(struct start *start)
{
	atomic_store_explicit(&start->taken, 0, memory_order_release);
}

void cp_spawn_forked(void)
{
	for (int i = 0; i < STARTS_MAX; i++)
		give_start(&starts[i]);
}

/* ---- in the new thread ---- */

/* First the timer goes: what it has still to say is not said any more. */
static void end_ticks(struct cp_thread *self)
{
	cp_timer_disarm(self);
	if (cp_is_recorded())
		cp_rest_count(self);
	if (cp_phase() == CP_RUNNING)
		cp_who_end(self);
}

/* From here on what the thread does is the C library's cleaning up: destructors of other keys. */
static void on_end(void *unused)
{
	(void)unused;
	CP_INSIDE (self) {
		cp_altstack_end(self);
		self->held = 0;
		if (!atomic_load_explicit(&cp_state.quiet, memory_order_acquire))
			end_ticks(self);
		if (cp_remembers())
			cp_roster_out(self);
		cp_near_end(self);
		cp_unwind_thread_end();
		self->ending = 1;
	}
}

void cp_spawn_open(void)
{
	pthread_key_t key;

	if (pthread_key_create(&key, on_end) != 0)
		return;
	cp_state.thread_key = key;
	cp_state.thread_key_made = 1;
}

void cp_spawn_watch_end(struct cp_thread *self)
{
	if (cp_state.thread_key_made)
		pthread_setspecific(cp_state.thread_key, self);
}

/* What is below the thread's start function: one frame of libc's, another below that. Every thread
 * has the second from the same place, so one look is enough. */
static void look_below(const struct cp_apart *apart, void *unused)
{
	uint64_t pcs[4];
	unsigned flags = 0;
	size_t depth;

	(void)unused;
	cp_thread_ready(apart->self);
	cp_witness_rest(apart->self, 1);
	depth = cp_unwind_here(apart, pcs, 4, &flags);
	cp_witness_rest(apart->self, 0);
	atomic_store_explicit(&cp_state.clone, depth == 2 ? pcs[1] : CP_NO_CLONE,
			      memory_order_relaxed);
}

/* called_from: where the start function will return to. */
static void begin(struct start *start, uintptr_t run, void *called_from)
{
	int saved = errno;

	if (CP_UNLIKELY(!atomic_load_explicit(&cp_state.clone, memory_order_relaxed)) &&
	    cp_phase() == CP_RUNNING)
		cp_apart(look_below, NULL);
	CP_INSIDE (self) {
		if (!cp_is_recorded())
			break;
		cp_thread_ready(self);
		cp_near_thread(self, start->stack);
		cp_roster_in(self, &start->made);
		cp_spawn_watch_end(self);
		cp_reserved_keep();
		self->began[0] = run;
		self->began[1] = (uintptr_t)called_from;
		cp_timer_born(self);
		cp_timer_arm(self);
		if (self->next > self->due)
			cp_rest_count(self);
	}
	errno = saved;
}

static void *begin_pthread(void *arg)
{
	struct start copy = *(struct start *)arg;

	begin(arg, (uintptr_t)copy.run.pthread, __builtin_return_address(0));
	give_start(arg);
	return copy.run.pthread(copy.arg);
}

static int begin_thrd(void *arg)
{
	struct start copy = *(struct start *)arg;

	begin(arg, (uintptr_t)copy.run.thrd, __builtin_return_address(0));
	give_start(arg);
	return copy.run.thrd(copy.arg);
}

/* ---- in its creator ---- */

/* The creator's stack as a row. */
static uint32_t creation(const struct cp_apart *apart, enum cp_loss *why)
{
	unsigned flags = 0;
	size_t depth;

	if (!(cp_state.types & CP_TYPE_THREAD) || !apart->scratch)
		return CP_NO_ROW;
	cp_witness_rest(apart->self, 1); /* the loader takes libunwind's TLS from malloc, once */
	depth = cp_unwind_here(apart, apart->scratch->pcs, CP_DEPTH, &flags);
	cp_witness_rest(apart->self, 0);
	return cp_stack_row(cp_state.rec, cp_whose(CP_KIND_THREAD, 0), apart->scratch->pcs, depth,
			    flags, why);
}

/* Counted before it is made, lest it ends before it has begun. */
static void look_at_creator(const struct cp_apart *apart, void *arg)
{
	struct start *start = arg;
	enum cp_loss why = CP_LOST_BUSY;
	uint32_t row = CP_NO_ROW;
	int awake;

	cp_thread_ready(apart->self);
	awake = cp_awake(apart->self);
	if (!awake)
		return;
	if (awake > 0)
		row = creation(apart, &why);
	start->made = cp_roster_made(row, awake > 0 ? why : CP_LOST_PAUSED);
}

/* What the new thread is to begin with; NULL: it is not to be recorded. */
static struct start *prepare(void)
{
	struct start *start = cp_phase() != CP_OFF ? take_start() : NULL;

	if (!start)
		return NULL;
	start->made.counted = 0;
	cp_apart(look_at_creator, start);
	if (start->made.counted)
		return start;
	give_start(start);
	return NULL;
}

static void was_not_made(struct start *start)
{
	CP_INSIDE (self)
		cp_roster_ended(&start->made);
	give_start(start);
}

/* 1: not known, so not to be counted on. */
static size_t size_of_stack(const pthread_attr_t *attr)
{
	const struct cp_real_calls *real = cp_real_calls();
	size_t size = 0;

	if (!attr)
		return 0;
	if (!real->pthread_attr_getstacksize || real->pthread_attr_getstacksize(attr, &size) != 0)
		return 1;
	return size ? size : 1;
}

CP_EXPORT int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			     void *arg)
{
	const struct cp_real_calls *real = cp_real_calls();
	struct start *start = prepare();
	int failed;

	if (!start)
		return real->pthread_create(thread, attr, run, arg);
	start->stack = size_of_stack(attr);
	start->run.pthread = run;
	start->arg = arg;
	failed = real->pthread_create(thread, attr, begin_pthread, start);
	if (failed)
		was_not_made(start);
	return failed;
}

CP_EXPORT int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
	const struct cp_real_calls *real = cp_real_calls();
	struct start *start = prepare();
	int failed;

	if (!start)
		return real->thrd_create(thread, run, arg);
	start->stack = 0;
	start->run.thrd = run;
	start->arg = arg;
	failed = real->thrd_create(thread, begin_thrd, start);
	if (failed != thrd_success)
		was_not_made(start);
	return failed;
}
