// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: same
// harm: signal 27
// SPDX-License-Identifier: MIT
// An application with a use of its own for SIGPROF and ITIMER_PROF: all that it sees is the same
// with the library, to the last SIGPROF, which ends it. It differs when hook/signals.c is left out,
// or hand_on of signal/prof.c does nothing.
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static volatile sig_atomic_t came, with_info, blocked;
static volatile uint64_t came_at;

static void plain(int signal)
{
	sigset_t mask;

	sigprocmask(SIG_SETMASK, NULL, &mask);
	blocked = sigismember(&mask, SIGPROF) * 2 + sigismember(&mask, SIGUSR2);
	came += signal == SIGPROF;
	came_at = truth_clock(CLOCK_PROCESS_CPUTIME_ID);
	errno = 33;
}

static void informed(int signal, siginfo_t *info, void *context)
{
	with_info = info->si_signo == SIGPROF && info->si_code <= 0 && context;
	plain(signal);
}

static void tell(const char *what)
{
	printf("%s: came %d, with info %d, blocked %d\n", what, (int)came, (int)with_info,
	       (int)blocked);
	came = with_info = blocked = 0;
}

static const char *name(void (*handler)(int))
{
	return handler == SIG_DFL   ? "default"
	       : handler == SIG_IGN ? "ignored"
	       : handler == plain   ? "plain"
	       : handler == SIG_ERR ? "error"
				    : "other";
}

/* While the library ticks all the time: its own must not arrive here. */
static void handlers(void)
{
	struct sigaction action, before;

	printf("signal: was %s\n", name(signal(SIGPROF, plain)));
	truth_burn(50);
	raise(SIGPROF);
	tell("by signal");
	memset(&action, 0, sizeof action);
	action.sa_sigaction = informed;
	action.sa_flags = SA_SIGINFO;
	sigaddset(&action.sa_mask, SIGUSR2);
	printf("sigaction: %d", sigaction(SIGPROF, &action, &before));
	printf(", was %s, flags %#x\n", name(before.sa_handler), (unsigned)before.sa_flags);
	truth_burn(50);
	kill(getpid(), SIGPROF);
	tell("by sigaction");
	sigaction(SIGPROF, NULL, &before);
	printf("read back: %d, flags %#x, mask %d %d\n", before.sa_sigaction == informed,
	       (unsigned)before.sa_flags, sigismember(&before.sa_mask, SIGUSR2),
	       sigismember(&before.sa_mask, SIGUSR1));
	action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
	action.sa_handler = plain;
	sigaction(SIGPROF, &action, NULL);
	raise(SIGPROF);
	tell("once");
	sigaction(SIGPROF, NULL, &before);
	printf("then %s\n", name(before.sa_handler));
	signal(SIGPROF, SIG_IGN);
	raise(SIGPROF);
	truth_burn(50);
	tell("ignored");
	printf("at last %s\n", name(signal(SIGPROF, SIG_DFL)));
	printf("invalid: %s\n", name(signal(SIGPROF, SIG_ERR)));
}

/* A blocked one waits, and can be waited for. */
static void waiting(void)
{
	sigset_t set, pending;
	int got = 0;

	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	signal(SIGPROF, plain);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGPROF);
	sigpending(&pending);
	printf("pending %d, came %d\n", sigismember(&pending, SIGPROF), (int)came);
	while (sigwait(&set, &got) == 0 && got != SIGPROF)
		;
	printf("waited for %d\n", got == SIGPROF);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	came = 0;
	signal(SIGPROF, SIG_DFL);
}

static void timer(void)
{
	struct itimerval when = {.it_value = {0, 200000}}, was;
	uint64_t start, took;

	signal(SIGPROF, plain);
	printf("getitimer %d", getitimer(ITIMER_PROF, &was));
	printf(": %d %d\n", (int)was.it_value.tv_usec, (int)was.it_interval.tv_usec);
	start = truth_clock(CLOCK_PROCESS_CPUTIME_ID);
	printf("setitimer %d", setitimer(ITIMER_PROF, &when, &was));
	printf(": %d %d\n", (int)was.it_value.tv_usec, (int)was.it_interval.tv_usec);
	for (int i = 0; i < 200 && !came; i++)
		truth_burn(5);
	took = came_at - start;
	printf("came %d, early %d, late %d\n", (int)came, !(took >= 20000000),
	       !(took <= 800000000));
	came = 0;
	truth_burn(300);
	when.it_interval = (struct timeval){0, 50000};
	when.it_value = when.it_interval;
	printf("not again: %d\n", (int)came);
	setitimer(ITIMER_PROF, &when, NULL);
	truth_burn(620);
	getitimer(ITIMER_PROF, &was);
	printf("every: %d, few %d, many %d\n", (int)was.it_interval.tv_usec, !(came >= 3),
	       !(came <= 60));
	memset(&when, 0, sizeof when);
	setitimer(ITIMER_PROF, &when, &was);
	printf("was: %d\n", (int)was.it_interval.tv_usec);
	came = 0;
	truth_burn(100);
	printf("off: %d\n", (int)came);
	signal(SIGPROF, SIG_DFL);
}

/* Without a handler SIGPROF ends a process, whoever sends it: itself, its parent, its timer. */
static void deadly(int way)
{
	struct itimerval when = {.it_value = {0, 50000}};
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (pid == 0) {
		truth_burn(20);
		if (way == 0)
			raise(SIGPROF);
		if (way == 1)
			setitimer(ITIMER_PROF, &when, NULL);
		truth_burn(way == 2 ? 3000 : 300);
		_exit(1);
	}
	usleep(100000);
	if (way == 2)
		kill(pid, SIGPROF);
	waitpid(pid, &status, 0);
	printf("way %d: %#x\n", way, (unsigned)status);
}

int main(void)
{
	for (int way = 0; way < 3; way++)
		deadly(way);
	handlers();
	waiting();
	timer();
	fflush(stdout);
	raise(SIGPROF);
	return 0;
}
