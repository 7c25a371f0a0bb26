// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 40
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// An application's own POSIX timers, on every clock and of every kind, also SIGEV_THREAD, for which
// libc starts a thread that lives on signals of its own: each expiry arrives where it should, with
// its cookie, and the overruns are right. A profiler that takes any timer's SIGPROF for its tick
// swallows them: ours did when ticks were SIGPROF and nobody asked for the cookie.
#include "test/harm/signals/signals.h"

#define COOKIE 0x5eed

static _Atomic int came, overrun, bad;
static _Atomic long where;
static _Atomic int notified;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code != SI_TIMER || info->si_value.sival_int != COOKIE || signal != SIGPROF)
		bad++;
	where = syscall(SYS_gettid);
	overrun += info->si_overrun;
	came++;
}

static void on_thread(union sigval word)
{
	if (word.sival_int != COOKIE)
		bad++;
	truth_burn(2);
	notified++;
}

static timer_t start(clockid_t clock, int how, long tid, long ms)
{
	struct itimerspec when = {.it_value = {0, ms * 1000000}, .it_interval = {0, ms * 1000000}};
	struct sigevent event;
	timer_t timer;

	memset(&event, 0, sizeof event);
	event.sigev_notify = how;
	event.sigev_signo = SIGPROF;
	event.sigev_value.sival_int = COOKIE;
	if (how == SIGEV_THREAD)
		event.sigev_notify_function = on_thread;
	else if (how == SIGEV_THREAD_ID)
		event._sigev_un._tid = (pid_t)tid;
	HARM_UNLESS(timer_create(clock, &event, &timer) == 0, "no timer: errno %d", errno);
	HARM_UNLESS(timer_settime(timer, 0, &when, NULL) == 0, "not set: errno %d", errno);
	return timer;
}

static void end(timer_t timer)
{
	struct itimerspec now;

	HARM_UNLESS(timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec > 0, "not there");
	HARM_UNLESS(timer_getoverrun(timer) >= 0, "no overrun");
	HARM_UNLESS(timer_delete(timer) == 0, "not deleted");
}

static void by_clock(clockid_t clock)
{
	clockid_t measure = clock == CLOCK_PROCESS_CPUTIME_ID ? clock : CLOCK_THREAD_CPUTIME_ID;
	uint64_t began, spent;
	timer_t timer;

	came = overrun = 0;
	began = truth_clock(measure);
	timer = start(clock, SIGEV_SIGNAL, 0, 20);
	truth_burn(200);
	end(timer);
	spent = (truth_clock(measure) - began) / 20000000;
	/* A CPU timer is looked at when the kernel's own tick comes; other clocks go on by day. */
	if (clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME)
		HARM_UNLESS(came + overrun + 1 >= (int)spent, "clock %d: %d and %d of %d",
			    (int)clock, came, overrun, (int)spent);
	else
		HARM_UNLESS(came + overrun <= (int)spent && came + overrun + 4 >= (int)spent,
			    "clock %d: %d and %d of %d", (int)clock, came, overrun, (int)spent);
}

/* SIGPROF blocked, so one is pending and the others are its overrun. */
static void overruns(void)
{
	sigset_t prof, pending;
	timer_t timer;

	sigemptyset(&prof);
	sigaddset(&prof, SIGPROF);
	sigprocmask(SIG_BLOCK, &prof, NULL);
	came = overrun = 0;
	timer = start(CLOCK_MONOTONIC, SIGEV_SIGNAL, 0, 2);
	truth_burn(60);
	sigpending(&pending);
	HARM_UNLESS(came == 0 && sigismember(&pending, SIGPROF), "%d came while blocked", came);
	sigprocmask(SIG_UNBLOCK, &prof, NULL);
	HARM_UNLESS(came >= 1 && overrun >= 20, "%d came, overrun %d", came, overrun);
	end(timer);
}

static void *target(void *arg)
{
	timer_t timer = start(CLOCK_THREAD_CPUTIME_ID, SIGEV_THREAD_ID, syscall(SYS_gettid), 10);

	(void)arg;
	for (int i = 0; i < 60; i++) {
		truth_burn(2);
		HARM_UNLESS(!came || where == syscall(SYS_gettid), "in thread %ld", where);
	}
	end(timer);
	HARM_UNLESS(came + overrun >= 6 && came + overrun <= 13, "%d and %d", came, overrun);
	return NULL;
}

static void by_thread(void)
{
	timer_t timer[2];

	timer[0] = start(CLOCK_MONOTONIC, SIGEV_THREAD, 0, 5);
	timer[1] = start(CLOCK_PROCESS_CPUTIME_ID, SIGEV_THREAD, 0, 10);
	for (int i = 0; notified < 30 && i < 5000; i++)
		truth_burn(1);
	HARM_UNLESS(notified >= 30, "only %d notified", notified);
	end(timer[0]);
	end(timer[1]);
}

int main(void)
{
	const clockid_t clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID,
				    CLOCK_THREAD_CPUTIME_ID};
	struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};
	pthread_t thread;

	sigaction(SIGPROF, &action, NULL);
	for (int i = 0; i < 4; i++)
		by_clock(clocks[i]);
	overruns();
	came = overrun = 0;
	HARM_UNLESS(pthread_create(&thread, NULL, target, NULL) == 0, "no thread");
	pthread_join(thread, NULL);
	by_thread();
	HARM_UNLESS(!bad, "%d came with another word", bad);
	truth_print_cpu();
	return 0;
}
