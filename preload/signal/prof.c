/* prof.c - the handler of SIGPROF: ITIMER_PROF's ticks, and the application's own use of it. */
/* SPDX-License-Identifier: MIT */
#include "signal/prof.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "signal/itimer.h"
#include "signal/shared.h"
#include "signal/tick.h"
#include "signal/timer.h"

#include "signal/law.h"

/* libc's own name for it: `sigaction` is the application's door (hook/signals.c). */
extern int __sigaction(int sig, const struct sigaction *action, struct sigaction *before);

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
	struct sigaction action, spent;
	uint64_t mask, was, before;

	cp_app_action_get(&action);
	if (action.sa_handler == SIG_IGN)
		return;
	if (action.sa_handler == SIG_DFL) {
		die_of_it();
		return;
	}
	if (action.sa_flags & (int)SA_RESETHAND) {
		spent = action; /* the kernel leaves its flags and mask, too */
		spent.sa_handler = SIG_DFL;
		cp_app_action_set(&spent);
	}
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
	int64_t ns = cp_itimer_rang(&cp_self, info);

	if (ns < 0) {
		hand_on(sig, info, uc); /* its errno is its own affair */
		return;
	}
	if (ns > 0 || (!cp_self.timer_armed && cp_itimer_is_rare()))
		cp_tick(uc, (uint64_t)ns);
	errno = saved;
}

void cp_prof_prepare(void)
{
	cp_shared_handler(on_sigprof);
}
