/* fork.c - three acts: before, after in the parent, after in the child. */
/* SPDX-License-Identifier: MIT */
#include "life/fork.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hook/spawn.h"
#include "signal/adopt.h"
#include "signal/itimer.h"
#include "signal/modules.h"
#include "signal/pace.h"
#include "signal/reserved.h"
#include "signal/shared.h"
#include "signal/thread.h"
#include "signal/timer.h"
#include "signal/unwind.h"

/* SIGPROF only while it is shared: else it is the application's alone. */
#define PROF	 (cp_shared_now() ? UINT64_C(1) << (SIGPROF - 1) : 0)
#define PATIENCE 1000 /* yields: an unwind takes microseconds, unless it is preempted */

/* A signal during clone makes the kernel start it over: a fork that takes longer than a tick would
 * never end. And a thread that unwinds now may hold a lock of libunwind's, for ever in the child:
 * so wait a little for them, and tell the child if that was in vain. Who exchanges the recording
 * has two descriptors open, of which the child would know nothing. */
static void before(void)
{
	uint64_t mask = CP_TICK_SIGNAL_BIT | PROF, was = 0;

	cp_wake(); /* so that the child, whoever it becomes, has a token that is known */
	if (cp_phase() == CP_OFF)
		return;
	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &mask, &was, sizeof mask);
	cp_self.fork_blocked = mask & ~was;
	for (int i = 0; i < PATIENCE && (cp_unwind_active_now() || cp_is_moving()); i++)
		sched_yield();
}

static void unblock(void)
{
	uint64_t mask = cp_self.fork_blocked;

	if (!mask)
		return;
	cp_self.fork_blocked = 0;
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
}

static void in_parent(void)
{
	unblock();
}

/* The child's page of state is wiped already where the kernel knows how; here it is made sure. The
 * timer is all that it costs a child that is about to exec: its first tick, or its first sampled
 * allocation, makes the recording. */
static void in_child(void)
{
	struct cp_thread *self = &cp_self;

	if (cp_phase() == CP_OFF)
		return;
	cp_state.wiped->phase = CP_ASLEEP;
	cp_state.wiped->scratch = 0;
	atomic_store(cp_state.inside, 0);
	cp_itimer_forked();
	cp_state.itimer_app = 0;
	cp_pace_forked();
	cp_unwind_forked();
	cp_modules_forked();
	cp_spawn_forked();
	cp_shared_forked();
	self->timer_armed = 0;
	self->slot = 0;
	self->made.counted = 0;
	self->inside = 0;
	cp_thread_forked(self);
	cp_state.wiped->pid = self->tid; /* one of vfork is told from it by that */
	cp_timer_born(self);
	cp_timer_arm(self);
	unblock();
}

void cp_fork_open(void)
{
	pthread_atfork(before, in_parent, in_child);
}
