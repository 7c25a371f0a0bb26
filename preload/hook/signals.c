/* signals.c - SIGPROF and ITIMER_PROF, while they are shared: the application sees its own world.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/attrs.h"
#include "hook/altstack.h"
#include "hook/real.h"
#include "signal/itimer.h"
#include "signal/reserved.h"
#include "signal/shared.h"

#include "hook/law.h"

CP_EXPORT void (*bsd_signal(int sig, void (*handler)(int)))(int);
CP_EXPORT void (*__sysv_signal(int sig, void (*handler)(int)))(int);

#define PROF (UINT64_C(1) << (SIGPROF - 1))

/* What becomes of an action on its way to the kernel, as the application would read it back: what
 * cannot be blocked is not in its mask, and libc has added the way out of a handler, where the
 * machine needs one. That is taken from our own. */
#define RESTORER 0x04000000

static void complete(struct sigaction *action)
{
	struct sigaction ours;
	uint64_t mask;

	memcpy(&mask, &action->sa_mask, sizeof mask);
	mask &= ~(UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1));
	memcpy(&action->sa_mask, &mask, sizeof mask);
	if (cp_real_calls()->sigaction(SIGPROF, NULL, &ours) != 0 || !(ours.sa_flags & RESTORER))
		return;
	action->sa_flags |= RESTORER;
	action->sa_restorer = ours.sa_restorer;
}

/* While ours is installed for SIGPROF, the application's is kept beside it: tick.c hands it what is
 * not ours. */
CP_EXPORT int sigaction(int sig, const struct sigaction *action, struct sigaction *before)
{
	struct sigaction now, was;

	if (sig != SIGPROF || !cp_shared_now()) {
		int own = cp_altstack_own(sig);
		int result =
		    cp_real_calls()->sigaction(sig, cp_altstack_defer(sig, action, &now), before);

		if (result == 0 && before)
			cp_altstack_hide(own, before);
		return result;
	}
	cp_app_action_get(&was);
	if (action) {
		now = *action;
		complete(&now);
		cp_app_action_set(&now);
	}
	if (before)
		*before = was;
	return 0;
}

/* As libc's signal() and its kin fill an action. */
static void (*set_handler(void (*handler)(int), int flags, uint64_t mask))(int)
{
	struct sigaction action, was;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	action.sa_flags = flags;
	memcpy(&action.sa_mask, &mask, sizeof mask);
	complete(&action);
	cp_app_action_get(&was);
	cp_app_action_set(&action);
	return was.sa_handler;
}

CP_EXPORT void (*signal(int sig, void (*handler)(int)))(int)
{
	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->signal(sig, handler);
	return set_handler(handler, SA_RESTART, PROF);
}

CP_EXPORT void (*bsd_signal(int sig, void (*handler)(int)))(int)
{
	return signal(sig, handler);
}

CP_EXPORT void (*ssignal(int sig, void (*handler)(int)))(int)
{
	return signal(sig, handler);
}

/* What `signal` is for programs that ask for POSIX or System V alone. */
CP_EXPORT void (*__sysv_signal(int sig, void (*handler)(int)))(int)
{
	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->sysv_signal(sig, handler);
	return set_handler(handler, (int)SA_RESETHAND | SA_NODEFER, 0);
}

CP_EXPORT void (*sysv_signal(int sig, void (*handler)(int)))(int)
{
	return __sysv_signal(sig, handler);
}

/* It holds a signal back by the mask, and lets it go when it sets a handler. */
CP_EXPORT void (*sigset(int sig, void (*handler)(int)))(int)
{
	uint64_t prof = PROF, before = 0;
	struct sigaction was;

	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->sigset(sig, handler);
	cp_app_action_get(&was);
	if (handler != SIG_HOLD && handler != SIG_ERR)
		set_handler(handler, 0, 0);
	syscall(SYS_rt_sigprocmask, handler == SIG_HOLD ? SIG_BLOCK : SIG_UNBLOCK, &prof, &before,
		sizeof prof);
	return before & PROF ? SIG_HOLD : was.sa_handler;
}

CP_EXPORT int sigignore(int sig)
{
	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->sigignore(sig);
	set_handler(SIG_IGN, 0, 0);
	return 0;
}

/* libc would do it to our action. (A later signal() of
 * SIGPROF starts calls again, as it would not after libc's.) */
CP_EXPORT int siginterrupt(int sig, int interrupt)
{
	struct sigaction action;

	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->siginterrupt(sig, interrupt);
	cp_app_action_get(&action);
	if (interrupt)
		action.sa_flags &= ~SA_RESTART;
	else
		action.sa_flags |= SA_RESTART;
	cp_app_action_set(&action);
	return 0;
}

/* The timer is the application's if it wants it. Threads of ours that live on it (they have none of
 * their own) are then not sampled, and nothing is made up for them. */
CP_EXPORT int setitimer(__itimer_which_t which, const struct itimerval *value,
			struct itimerval *before)
{
	int ours, result;

	if (which != ITIMER_PROF)
		return cp_real_calls()->setitimer(which, value, before);
	if (value)
		atomic_store_explicit(&cp_state.itimer_app, 1, memory_order_relaxed);
	ours = value ? cp_itimer_stop()
		     : (int)atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed);
	result = cp_real_calls()->setitimer(which, value, before);
	if (ours && before && result == 0)
		memset(before, 0, sizeof *before);
	return result;
}

CP_EXPORT int getitimer(__itimer_which_t which, struct itimerval *value)
{
	int result = cp_real_calls()->getitimer(which, value);

	if (result == 0 && which == ITIMER_PROF &&
	    atomic_load_explicit(&cp_state.itimer_on, memory_order_relaxed))
		memset(value, 0, sizeof *value);
	return result;
}

/* A timer with SIGEV_THREAD makes libc's first thread behind everybody's back. */
CP_EXPORT int timer_create(clockid_t clock, struct sigevent *event, timer_t *timer)
{
	int (*real)(clockid_t, struct sigevent *, timer_t *) = cp_real_calls()->timer_create;
	int result;

	if (!real) {
		errno = ENOSYS;
		return -1;
	}
	result = real(clock, event, timer);
	cp_reserved_keep();
	return result;
}
