// harm: with CONPROF_CPU_PROFILERATE=200
// harm: within 60
// harm: slow
// harm: cpu worker = printed worker_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// RLIMIT_SIGPENDING, of which each timer takes one for good: 14 threads under a limit of 4. Those
// that get no timer are counted all the same, and none twice (ClickHouse#86760). And a program that
// starts under such a limit has all of it for timers of its own: it has fewer when
// cp_sandbox_has_few_signals of life/sandbox.c says no.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "test/harm/harm.h"

#define THREADS 14
#define LIMIT	4

static _Atomic uint64_t spent;

TRUTH_FRAME static void worker(void)
{
	uint64_t start = truth_clock(CLOCK_THREAD_CPUTIME_ID);

	truth_burn(150);
	spent += truth_clock(CLOCK_THREAD_CPUTIME_ID) - start;
}

static void *thread(void *unused)
{
	(void)unused;
	worker();
	return NULL;
}

/* All of the limit is ours: nobody else runs as this user. */
static int count(void)
{
	int made = 0;
	timer_t timer;

	truth_burn(20);
	while (made < 100 && timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0)
		made++;
	HARM_UNLESS(made == LIMIT && errno == EAGAIN, "%d timers of %d", made, LIMIT);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit limit = {LIMIT, LIMIT};
	uid_t nobody = (uid_t)(100000 + getpid());
	pthread_t threads[THREADS];

	if (argc > 1)
		return count();
	HARM_UNLESS(setrlimit(RLIMIT_SIGPENDING, &limit) == 0, "setrlimit");
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, thread, NULL) == 0, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	truth_print("worker_ns", spent);
	if (geteuid() != 0)
		return 0;
	HARM_UNLESS(setreuid(nobody, nobody) == 0, "setreuid");
	execl("/proc/self/exe", argv[0], "count", (char *)NULL);
	HARM_UNLESS(0, "exec: %s", strerror(errno));
}
