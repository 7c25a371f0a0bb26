// truth: slow
// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu one/total = 0.25 +-5%
// truth: cpu two/total = 0.25 +-5%
// truth: cpu three/total = 0.25 +-5%
// truth: cpu four/total = 0.25 +-5%
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// Four equal threads.
#include <pthread.h>

#include "truth.h"

#define WORKER(name)                                                                               \
	TRUTH_FRAME static void *name(void *arg)                                                   \
	{                                                                                          \
		truth_burn(1000);                                                                  \
		return arg;                                                                        \
	}
WORKER(one)
WORKER(two)
WORKER(three)
WORKER(four)

int main(void)
{
	void *(*const work[])(void *) = {one, two, three, four};
	pthread_t thread[4];

	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, work[i], NULL) != 0)
			return 1;
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	truth_print_cpu();
	return 0;
}
