// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu t0 = printed t0 +-1%
// truth: cpu t1 = printed t1 +-1%
// truth: cpu t2 = printed t2 +-1%
// truth: cpu t3 = printed t3 +-1%
// truth: cpu total = printed cpu_ns +-1%
// truth: exit 0
// SPDX-License-Identifier: MIT
// cpu_totals [THREADS MS]: four threads, of whose 300 ms of CPU time each a period of 1 ms may be
// missing or too much. The sum is what getrusage says.
#include <pthread.h>
#include <sys/resource.h>

#include "truth.h"

static uint64_t ms = 300;

#define WORKER(name)                                                                               \
	TRUTH_FRAME static void *name(void *used)                                                  \
	{                                                                                          \
		truth_burn(ms);                                                                    \
		*(uint64_t *)used = truth_clock(CLOCK_THREAD_CPUTIME_ID);                          \
		return NULL;                                                                       \
	}
WORKER(t0)
WORKER(t1)
WORKER(t2)
WORKER(t3)
WORKER(t4)
WORKER(t5)
WORKER(t6)
WORKER(t7)

static uint64_t usage_ns(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

int main(int argc, char **argv)
{
	void *(*const work[])(void *) = {t0, t1, t2, t3, t4, t5, t6, t7};
	int threads = argc > 2 ? atoi(argv[1]) : 4;
	char name[] = "t0";
	uint64_t used[8];
	pthread_t thread[8];

	if (argc > 2)
		ms = (uint64_t)atol(argv[2]);
	if (threads < 1 || threads > 8)
		return 2;
	for (int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, work[i], &used[i]) != 0)
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < threads; i++) {
		name[1] = (char)('0' + i);
		truth_print(name, used[i]);
	}
	truth_print("cpu_ns", usage_ns());
	return 0;
}
