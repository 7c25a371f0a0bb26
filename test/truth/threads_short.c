// truth: slow
// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: cpu burner = printed burner_ns +-5%
// truth: alloc_space eater = 33554432 +-5%
// truth: inuse_space eater = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// Threads that come and go: 30 that burn a tenth of a second each, 2048 that allocate and free.
#include <pthread.h>

#include "truth.h"

TRUTH_FRAME static void *burner(void *arg)
{
	truth_burn(100);
	return arg;
}

TRUTH_FRAME static void *eater(void *arg)
{
	for (int i = 0; i < 16; i++) {
		void *volatile block = malloc(1024);

		free(block);
	}
	return arg;
}

static int run(void *(*work)(void *), int count)
{
	pthread_t thread;

	for (int i = 0; i < count; i++) {
		if (pthread_create(&thread, NULL, work, NULL) != 0)
			return 1;
		pthread_join(thread, NULL);
	}
	return 0;
}

int main(void)
{
	if (run(burner, 30) != 0 || run(eater, 2048) != 0)
		return 1;
	truth_print("burner_ns", 3000000000u);
	return 0;
}
