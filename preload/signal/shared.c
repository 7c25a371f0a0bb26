/* shared.c - SIGPROF while ITIMER_PROF has to serve: ours is installed, the application's kept. */
/* SPDX-License-Identifier: MIT */
#include "signal/shared.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/state.h"

#include "signal/law.h"

/* libc's own name for it: `sigaction` is the application's door (hook/signals.c). */
extern int __sigaction(int sig, const struct sigaction *action, struct sigaction *before);

enum { ABSENT, COMING, THERE };

static struct {
	_Atomic uint32_t state;
	_Atomic uint32_t which;
	struct sigaction copy[2];
	void (*handler)(int, siginfo_t *, void *); /* ours */
} app;

void cp_shared_handler(void (*handler)(int, siginfo_t *, void *))
{
	app.handler = handler;
}

void cp_app_action_get(struct sigaction *action)
{
	*action = app.copy[atomic_load_explicit(&app.which, memory_order_acquire) & 1];
}

/* A vfork child shares our memory, but not its parent's actions: what it sets (mostly the default,
 * before its exec) is for the kernel alone. */
static int is_vfork_child(void)
{
	return cp_is_recorded() && cp_state.wiped->pid != (int32_t)syscall(SYS_getpid);
}

void cp_app_action_set(const struct sigaction *action)
{
	uint32_t which;

	if (is_vfork_child()) {
		__sigaction(SIGPROF, action, NULL);
		return;
	}
	which = atomic_load_explicit(&app.which, memory_order_relaxed) & 1;
	app.copy[!which] = *action;
	atomic_store_explicit(&app.which, !which, memory_order_release);
}

static int install(struct sigaction *before)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_sigaction = app.handler;
	action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
	memset(&action.sa_mask, -1, sizeof action.sa_mask);
	return __sigaction(SIGPROF, &action, before) == 0 ? 0 : -errno;
}

int cp_shared_open(void)
{
	uint64_t all = ~UINT64_C(0), mask;
	uint32_t absent = ABSENT;
	struct sigaction before;
	int done;

	if (atomic_load_explicit(&app.state, memory_order_acquire) == THERE)
		return 1;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, sizeof all);
	done = atomic_compare_exchange_strong_explicit(&app.state, &absent, COMING,
						       memory_order_acquire, memory_order_relaxed);
	if (done) {
		done = install(&before) == 0;
		if (done)
			cp_app_action_set(&before);
		atomic_store_explicit(&app.state, done ? THERE : ABSENT, memory_order_release);
	}
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
	return done;
}

int cp_shared_now(void)
{
	uint32_t now;

	while ((now = atomic_load_explicit(&app.state, memory_order_acquire)) == COMING)
		syscall(SYS_sched_yield);
	return now == THERE;
}

/* The application's action, if it was just being read by another thread of the parent, is lost: it
 * was the default in all but the rarest programs. */
void cp_shared_forked(void)
{
	uint32_t state = atomic_load_explicit(&app.state, memory_order_acquire);
	struct sigaction now;

	if (state == ABSENT || __sigaction(SIGPROF, NULL, &now) != 0)
		return;
	if (now.sa_sigaction == app.handler) {
		state = THERE;
	} else if (state == COMING) {
		state = ABSENT;
	} else {
		cp_app_action_set(&now);
		install(&now);
	}
	atomic_store_explicit(&app.state, state, memory_order_release);
}

void cp_shared_close(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN};

	if (!cp_shared_now())
		return;
	__sigaction(SIGPROF, &action, NULL);
	cp_app_action_get(&action);
	__sigaction(SIGPROF, &action, NULL);
	atomic_store_explicit(&app.state, ABSENT, memory_order_release);
}

static int is_ignored(const struct sigaction *action)
{
	return action->sa_handler == SIG_IGN && !(action->sa_flags & SA_SIGINFO);
}

/* Other threads may still be hit by their timers until the exec is done: ignored is safe for them,
 * the default action would not be. What is pending of ITIMER_PROF is thrown away by SIG_IGN; for an
 * application with a handler or the default, our own handler, back again, becomes the default. */
void cp_shared_before_exec(void)
{
	struct sigaction action = {.sa_handler = SIG_IGN}, now, apps;

	if (__sigaction(SIGPROF, NULL, &now) != 0 || now.sa_sigaction != app.handler)
		return; /* a vfork child's own */
	cp_app_action_get(&apps);
	__sigaction(SIGPROF, &action, NULL);
	if (!is_ignored(&apps))
		install(&action);
}

void cp_shared_after_failed_exec(void)
{
	struct sigaction now, apps;

	cp_app_action_get(&apps);
	if (__sigaction(SIGPROF, NULL, &now) == 0 && is_ignored(&now) && is_ignored(&apps))
		install(&now);
}
