/* signals.c - SIGPROF and ITIMER_PROF, while they are shared: the application sees its own world.
 */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/reserved.h"
#include "signal/shared.h"
#include "signal/timer.h"

#include "hook/law.h"

CP_EXPORT void (*bsd_signal(int sig, void (*handler)(int)))(int);

/* What libc adds to an action of its own accord, and the application would read back: the way out
 * of a handler, where the machine needs one. Taken from our own. */
#define RESTORER 0x04000000

static void complete(struct sigaction *action)
{
	struct sigaction ours;

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

	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->sigaction(sig, action, before);
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

static void (*set_handler(int sig, void (*handler)(int), int flags))(int)
{
	struct sigaction action, was;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	action.sa_flags = flags;
	if (handler == SIG_ERR || sigaction(sig, &action, &was) != 0) {
		errno = EINVAL;
		return SIG_ERR;
	}
	return was.sa_handler;
}

CP_EXPORT void (*signal(int sig, void (*handler)(int)))(int)
{
	if (sig != SIGPROF || !cp_shared_now())
		return cp_real_calls()->signal(sig, handler);
	return set_handler(sig, handler, SA_RESTART);
}

CP_EXPORT void (*bsd_signal(int sig, void (*handler)(int)))(int)
{
	return signal(sig, handler);
}

CP_EXPORT void (*ssignal(int sig, void (*handler)(int)))(int)
{
	return signal(sig, handler);
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
