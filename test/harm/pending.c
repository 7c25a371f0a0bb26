// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 60
// harm: slow
// harm: cpu total = printed cpu_ns +-10%
// harm: cpu first = printed first_ns +-10%
// harm: cpu later = printed later_ns +-10%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Five more signals may be pending, so at most five threads have a timer of their own: the others,
// of the thirty, are sampled through the process's, and nobody by both. It fails when cp_timer_arm
// of signal/timer.c does not fall back, or cp_timer_periods counts the process's for everyone.
#include <pthread.h>
#include <sys/resource.h>

#include "test/harm/harm.h"

#define FIRST 5
#define ALL   30

TRUTH_FRAME static void *first(void *arg)
{
	truth_burn(200);
	return arg;
}

TRUTH_FRAME static void *later(void *arg)
{
	truth_burn(200);
	return arg;
}

/* Each timer holds one of the user's signals, and other processes of the same user hold some. */
static rlim_t pending_now(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	unsigned long n = 0;
	char line[256];

	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "SigQ: %lu", &n) == 1)
			break;
	HARM_UNLESS(status && fclose(status) == 0, "no status");
	return n;
}

int main(void)
{
	struct rlimit limit = {.rlim_cur = pending_now() + FIRST};
	pthread_t threads[ALL];

	limit.rlim_max = limit.rlim_cur;
	HARM_UNLESS(setrlimit(RLIMIT_SIGPENDING, &limit) == 0, "no limit");
	for (int i = 0; i < ALL; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, i < FIRST ? first : later, NULL) == 0,
			    "no thread");
	for (int i = 0; i < ALL; i++)
		pthread_join(threads[i], NULL);
	truth_print("first_ns", FIRST * 200000000ull);
	truth_print("later_ns", (ALL - FIRST) * 200000000ull);
	truth_print_cpu();
	return 0;
}
