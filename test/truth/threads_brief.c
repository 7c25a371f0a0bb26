// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu brief = printed brief_ns +-5%
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// threads_brief [COUNT US]: threads that end before the kernel has looked at their timers, 300 of
// 3 ms, one after the other. Of a thread's life as many periods are counted as end in it; where the
// first one ends is drawn, so 300 threads have a standard deviation of 9 periods in 900, at most.
#include <pthread.h>

#include "truth.h"

static uint64_t us = 3000, sum;

/* In steps of microseconds, so that it ends in time. */
TRUTH_FRAME static void *brief(void *unused)
{
	uint64_t now;

	while ((now = truth_clock(CLOCK_THREAD_CPUTIME_ID)) < us * 1000)
		for (int i = 0; i < 5000; i++)
			__asm__ volatile("" : "+r"(i));
	sum += now;
	return unused;
}

int main(int argc, char **argv)
{
	int count = argc > 2 ? atoi(argv[1]) : 300;
	pthread_t thread;

	if (argc > 2)
		us = (uint64_t)atol(argv[2]);
	for (int i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, brief, NULL) != 0)
			return 1;
		pthread_join(thread, NULL);
	}
	truth_print("brief_ns", sum);
	truth_print_cpu();
	return 0;
}
