// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 60
// harm: slow
// harm: cpu total = printed cpu_ns +-10%
// harm: cpu first = printed first_ns +-10%
// harm: cpu later = printed later_ns +-10%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Ten signals may be pending, so at most ten threads have a timer of their own: the others, of the
// thirty, are sampled through the process's, and nobody by both. It fails when cp_timer_arm of
// signal/timer.c does not fall back, or cp_timer_periods counts the process's for everyone.
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

int main(void)
{
	struct rlimit limit = {10, 10};
	pthread_t threads[ALL];

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
