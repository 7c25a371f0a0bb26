/* thread.h - what a thread knows of itself, and the door every event enters by. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "base/attrs.h"
#include "signal/state.h"

/* By which row a thread was counted when it was made. Zero: by none. */
struct cp_made {
	uint32_t counted;
	uint32_t row; /* or CP_NO_ROW */
	uint32_t
	    renewals;  /* of the recording that has this row; later ones have it elsewhere ... */
	uint64_t hash; /* ... with this */
};

/* Zero is ready: a new thread's budget is 0, so its first allocation takes the slow path, which
 * sets it up. First what malloc's fast path touches, then the rest. */
struct cp_thread {
	uint64_t budget; /* bytes until the next sampled one */
	int inside;	 /* 1: in our code, behind the door; 2: the same, witness at rest */
	int ready;	 /* rng seeded, unwinder warm */
	int ending;	 /* its end has been seen: no more unwinding with libunwind */
	int tid;
	uint64_t rng;
	uint32_t slot; /* in the recording's threads, + 1; 0: not there */
	struct cp_made made;
	int timer_armed;
	int timer_id;
	uint64_t stack_low;  /* near.h: frames from here on have room below them ... */
	uint64_t stack_high; /* ... and this is the upper end; 0: not known */
	int stack_looked;    /* the size is not known: what is below must be looked at */
	int near;	     /* at work on the application's stack: so often, one in the other */
	uint64_t near_at;    /* where the first of them is; 0: not known */
	int held;	     /* no tick may come: 1, or 2 if there was a timer to take away */
	uint64_t due;	 /* when the next uncounted period ends, by its CPU clock; 0: none yet */
	uint64_t period; /* how long that is; of rare ticks, on average (pace.h) */
	int rare;	 /* the next tick is a rare one */
	int by_process;	 /* it has no timer of its own: ITIMER_PROF serves */
	uint32_t turn;	 /* cp_state.turn, as of its last look at due; 0: not yet */
	uint64_t next;	 /* the same, by what its timer's signals have said */
	uint32_t rang;	 /* ticks, to measure one of many */
	int has_rows;	 /* some are its own, by its slot */
	uint32_t name;	 /* in the recording's names, + 1; 0: unknown */
	uint32_t named;	 /* renewals of the recording that has it so */
	uint32_t looks;	 /* events at which that was used (who.c) */
	uint64_t not_due_ns;   /* until then, by CLOCK_MONOTONIC, it can't have been that long */
	uint64_t began[2];     /* its start function, and where that returns to; 0: unknown */
	uint64_t fork_blocked; /* the signals that we blocked for the time of a fork */
};

extern CP_HIDDEN CP_TLS struct cp_thread cp_self;

/* Seeds the thread and warms the unwinder. From ordinary context only, behind the door. */
void cp_thread_ready(struct cp_thread *self);

/* In a forked child, for its one thread: other random numbers than the parent's, and a gap of its
 * own. With the parent's, all children of one moment would sample the same block, or none; what
 * follows a mark does not depend on what went before it, so it may be drawn anew at any time. */
void cp_thread_forked(struct cp_thread *self);

/* The ticket. Who holds it is alone in our code on this thread; who gets NULL passes straight
 * through, and counts what that loses. */
static inline struct cp_thread *cp_enter(void)
{
	if (cp_self.inside)
		return NULL;
	cp_self.inside = 1;
	atomic_fetch_add(cp_state.inside, 1); /* for who waits until nobody is (quiet.c) */
	return &cp_self;
}

static inline void cp_leave(struct cp_thread **self)
{
	if (*self) {
		atomic_fetch_sub_explicit(cp_state.inside, 1, memory_order_release);
		(*self)->inside = 0;
	}
}

/* A trap for our own breach, in witness builds: our code must never arrive at the front door. What
 * we call may: libc makes a library's thread-local storage by malloc when it is first touched, and
 * an allocator's entries call one another. Such calls stand between rest 1 and rest 0. */
static inline void cp_witness(void)
{
#ifdef CP_WITNESS
	if (cp_self.inside == 1)
		__builtin_trap();
#endif
}

static inline void cp_witness_rest(struct cp_thread *self, int rest)
{
#ifdef CP_WITNESS
	self->inside = rest ? 2 : 1;
#else
	(void)self;
	(void)rest;
#endif
}

#define CP_INSIDE(self)                                                                            \
	for (struct cp_thread * self CP_CLEANUP(cp_leave) = cp_enter(), *once_ = self; once_;      \
	     once_ = NULL)
