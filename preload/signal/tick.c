/* tick.c - the CPU clock's handler: one tick, one stack, one row. */
/* SPDX-License-Identifier: MIT */
#include "signal/tick.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal/adopt.h"
#include "signal/modules.h"
#include "signal/stack.h"
#include "signal/stacks.h"
#include "signal/thread.h"
#include "signal/timer.h"
#include "signal/unwind.h"

#include "signal/law.h"

/* libc's own name for it: `sigaction` is the application's door (hook/signals.c). */
extern int __sigaction(int sig, const struct sigaction *action, struct sigaction *before);

static void lose(enum cp_loss why, uint64_t periods)
{
	struct cp_recording *rec = cp_state.rec;

	if (!rec || cp_phase() == CP_ASLEEP)
		return;
	cp_row_add(rec, CP_KIND_CPU, CP_NO_ROW, why, CP_CPU_PERIODS, periods);
	cp_row_add(rec, CP_KIND_CPU, CP_NO_ROW, why, CP_CPU_SAMPLES, 1);
}

/* On the way to the scratch stack a handler needs this much of the one it was called on. */
#define LEAST_ROOM 1024

/* On an alternate stack the bounds are known: a small one may be nearly used up by the kernel's
 * frame alone. Elsewhere there is the application's own room, or the kernel would not have come so
 * far. */
static int has_room(const ucontext_t *uc)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	uintptr_t alt = (uintptr_t)uc->uc_stack.ss_sp;

	if ((uc->uc_stack.ss_flags & SS_DISABLE) || sp < alt || sp - alt >= uc->uc_stack.ss_size)
		return 1;
	return sp - alt >= LEAST_ROOM;
}

struct tick {
	struct cp_thread *self;
	struct cp_scratch *scratch;
	const ucontext_t *uc;
	uint64_t periods;
};

static void sample(const struct tick *t)
{
	enum cp_loss why = CP_LOST_UNWIND;
	unsigned flags = 0;
	uint64_t *pcs = t->scratch->pcs;
	size_t depth = cp_unwind_context(t->uc, pcs, CP_DEPTH, &flags);
	uint32_t row =
	    cp_stack_row(cp_state.rec, CP_KIND_CPU, pcs, depth, flags | CP_ROW_LEAF_IS_PC, &why);

	cp_row_add(cp_state.rec, CP_KIND_CPU, row, why, CP_CPU_PERIODS, t->periods);
	cp_row_add(cp_state.rec, CP_KIND_CPU, row, why, CP_CPU_SAMPLES, 1);
	if (depth)
		cp_modules_look_for(pcs[0]);
}

/* On the scratch stack. */
static void on_scratch(void *arg)
{
	const struct tick *t = arg;

	if (!cp_awake(t->self)) {
		if (cp_phase() == CP_BUSY)
			lose(CP_LOST_PAUSED, t->periods);
		return;
	}
	cp_count(&cp_state.rec->ticks, 1);
	sample(t);
	cp_heartbeat_look();
}

/* Our own tick, of this weight. */
static void tick(const ucontext_t *uc, uint64_t periods)
{
	struct cp_thread *self CP_CLEANUP(cp_leave) = cp_enter();
	struct cp_scratch *scratch CP_CLEANUP(cp_scratch_give) = self ? cp_scratch_take() : NULL;
	struct tick t = {.self = self, .scratch = scratch, .uc = uc, .periods = periods};

	if (!scratch)
		lose(CP_LOST_BUSY, periods);
	else if (!has_room(uc))
		lose(CP_LOST_STACK_ROOM, periods);
	else
		cp_on_stack(scratch->stack + sizeof scratch->stack, on_scratch, &t);
}

/* ---- the application's SIGPROF ---- */

static struct {
	_Atomic uint32_t installed;
	_Atomic uint32_t which;
	struct sigaction copy[2];
} app;

void cp_app_action_get(struct sigaction *action)
{
	*action = app.copy[atomic_load_explicit(&app.which, memory_order_acquire) & 1];
}

void cp_app_action_set(const struct sigaction *action)
{
	uint32_t which = atomic_load_explicit(&app.which, memory_order_relaxed) & 1;

	app.copy[!which] = *action;
	atomic_store_explicit(&app.which, !which, memory_order_release);
}

/* The default action of SIGPROF ends the process: then it must end so with us, too. */
static void die_of_it(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	uint64_t prof = UINT64_C(1) << (SIGPROF - 1);

	__sigaction(SIGPROF, &action, NULL);
	syscall(SYS_tgkill, syscall(SYS_getpid), syscall(SYS_gettid), SIGPROF);
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &prof, NULL, sizeof prof);
}

/* With the mask and the one-shot that the application asked for: ours runs with all signals
 * blocked, its handler with those that were when it came, its own and, unless it says otherwise,
 * SIGPROF. */
static void hand_on(int sig, siginfo_t *info, void *uc)
{
	struct sigaction action, once = {.sa_handler = SIG_DFL};
	uint64_t mask, was, before;

	cp_app_action_get(&action);
	if (action.sa_handler == SIG_IGN && !(action.sa_flags & SA_SIGINFO))
		return;
	if (action.sa_handler == SIG_DFL && !(action.sa_flags & SA_SIGINFO)) {
		die_of_it();
		return;
	}
	if (action.sa_flags & (int)SA_RESETHAND)
		cp_app_action_set(&once);
	memcpy(&mask, &action.sa_mask, sizeof mask);
	memcpy(&was, &((const ucontext_t *)uc)->uc_sigmask, sizeof was);
	mask |= was;
	if (!(action.sa_flags & SA_NODEFER))
		mask |= UINT64_C(1) << (SIGPROF - 1);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, &before, sizeof mask);
	if (action.sa_flags & SA_SIGINFO)
		action.sa_sigaction(sig, info, uc);
	else
		action.sa_handler(sig);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
}

static void on_sigprof(int sig, siginfo_t *info, void *uc)
{
	int saved = errno;
	int64_t periods = cp_timer_periods(&cp_self, info);

	if (periods > 0) {
		tick(uc, (uint64_t)periods);
		errno = saved;
	} else if (periods < 0) {
		hand_on(sig, info, uc); /* its errno is its own affair */
	} else {
		errno = saved;
	}
}

static int install(struct sigaction *before)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_sigaction = on_sigprof;
	action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	memset(&action.sa_mask, -1, sizeof action.sa_mask);
	return __sigaction(SIGPROF, &action, before) == 0 ? 0 : -errno;
}

int cp_tick_install(void)
{
	struct sigaction before;
	int done = install(&before);

	if (done == 0) {
		cp_app_action_set(&before);
		atomic_store_explicit(&app.installed, 1, memory_order_release);
	}
	return done;
}

int cp_tick_is_installed(void)
{
	return (int)atomic_load_explicit(&app.installed, memory_order_acquire);
}

/* Other threads may still be hit by their timers until the exec is done: ignored is safe for them,
 * the default action would not be. What is pending of ITIMER_PROF is thrown away by SIG_IGN; for an
 * application with a handler or the default, our own handler, back again, becomes the default. */
void cp_tick_before_exec(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN}, apps;

	cp_app_action_get(&apps);
	__sigaction(SIGPROF, &action, NULL);
	if ((apps.sa_flags & SA_SIGINFO) || apps.sa_handler != SIG_IGN)
		install(&action);
}

void cp_tick_after_failed_exec(void)
{
	struct sigaction action;

	install(&action);
}
