// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: slow
// harm: cpu worker = 300000000 +-10%
// harm: exit 0
// SPDX-License-Identifier: MIT
// An application's own ITIMER_PROF, as php has for max_execution_time: it comes neither early nor
// late, once or as often as it was told to, and getitimer answers for it alone. ITIMER_VIRTUAL,
// which counts by the same clock and which no profiler wants, is the judge. It fails under itimer
// when setitimer and getitimer of hook/signals.c only pass the call on.
#include <sys/time.h>

#include "test/harm/signals/signals.h"

static _Atomic int profs, virtuals, wrong;

static void on_timer(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (info->si_code != SI_KERNEL)
		wrong++;
	if (signal == SIGPROF)
		profs++;
	else
		virtuals++;
}

TRUTH_FRAME static void *busy(void *arg)
{
	truth_burn((uint64_t)(uintptr_t)arg);
	return NULL;
}

/* Sampled, also by a timer of the process that is then given up. */
TRUTH_FRAME static void worker(void)
{
	truth_burn(300);
	TRUTH_STAY();
}

static void set(int which, long first_us, long every_us)
{
	struct itimerval when = {.it_value = {first_us / 1000000, first_us % 1000000},
				 .it_interval = {0, every_us}};

	HARM_UNLESS(setitimer((__itimer_which_t)which, &when, NULL) == 0, "no timer");
}

static long left_us(int which)
{
	struct itimerval now;

	HARM_UNLESS(getitimer((__itimer_which_t)which, &now) == 0, "not read back");
	return now.it_value.tv_sec * 1000000 + now.it_value.tv_usec;
}

static void nothing_at_first(void)
{
	struct itimerval was, none = {{0, 0}, {0, 0}};

	for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
		memset(&was, 0xff, sizeof was);
		HARM_UNLESS(getitimer((__itimer_which_t)which, &was) == 0 &&
				memcmp(&was, &none, sizeof was) == 0,
			    "timer %d runs", which);
		memset(&was, 0xff, sizeof was);
		HARM_UNLESS(setitimer((__itimer_which_t)which, &none, &was) == 0 &&
				memcmp(&was, &none, sizeof was) == 0,
			    "timer %d ran", which);
	}
}

/* Like max_execution_time. What the kernel takes for our ticks counts for it as it counts for any
 * signal, so SIGPROF may come a little before the other, never much after. */
static void once(int threads)
{
	pthread_t more[4];
	uint64_t began = truth_clock(CLOCK_PROCESS_CPUTIME_ID), came_at = 0;

	profs = virtuals = 0;
	for (int i = 0; i < threads; i++)
		HARM_UNLESS(pthread_create(&more[i], NULL, busy, (void *)(uintptr_t)250) == 0,
			    "no thread");
	set(ITIMER_PROF, 300000, 0);
	set(ITIMER_VIRTUAL, 300000, 0);
	HARM_UNLESS(threads || (left_us(ITIMER_PROF) > 250000 && left_us(ITIMER_PROF) <= 320000),
		    "%ld us left", left_us(ITIMER_PROF));
	while (!virtuals) {
		long left = left_us(ITIMER_PROF);

		HARM_UNLESS(profs || left_us(ITIMER_VIRTUAL) + 40000 > left,
			    "%ld us left of PROF, %ld of VIRTUAL", left, left_us(ITIMER_VIRTUAL));
		truth_burn(1);
		if (profs && !came_at)
			came_at = truth_clock(CLOCK_PROCESS_CPUTIME_ID) - began;
	}
	truth_burn(20);
	HARM_UNLESS(profs == 1 && virtuals == 1, "%d of PROF, %d of VIRTUAL", profs, virtuals);
	HARM_UNLESS(!came_at || came_at > 100000000, "after %llu ns", (unsigned long long)came_at);
	for (int i = 0; i < threads; i++)
		pthread_join(more[i], NULL);
	truth_burn(50);
	HARM_UNLESS(profs == 1, "PROF came again");
}

static void again_and_again(void)
{
	struct itimerval was;

	profs = virtuals = 0;
	set(ITIMER_PROF, 20000, 20000);
	set(ITIMER_VIRTUAL, 20000, 20000);
	truth_burn(600);
	HARM_UNLESS(getitimer(ITIMER_PROF, &was) == 0 && was.it_interval.tv_usec == 20000,
		    "every %ld", (long)was.it_interval.tv_usec);
	set(ITIMER_PROF, 0, 0);
	set(ITIMER_VIRTUAL, 0, 0);
	HARM_UNLESS(profs >= virtuals - 1 && profs <= virtuals + virtuals / 4 + 2,
		    "%d of PROF, %d of VIRTUAL", profs, virtuals);
	HARM_UNLESS(profs >= 5, "only %d", profs);
	profs = 0;
	truth_burn(60);
	HARM_UNLESS(profs == 0 && left_us(ITIMER_PROF) == 0, "still on");
}

int main(void)
{
	struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};

	worker();
	nothing_at_first();
	sigaction(SIGPROF, &action, NULL);
	sigaction(SIGVTALRM, &action, NULL);
	truth_burn(100);
	HARM_UNLESS(profs == 0, "SIGPROF came unasked");
	once(0);
	once(2);
	again_and_again();
	HARM_UNLESS(!wrong, "%d signals with another word", wrong);
	return 0;
}
