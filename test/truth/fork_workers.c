// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=2048
// truth: cpu work = printed work_ns +-5%
// truth: alloc_space work = 67108864 +-5%
// truth: inuse_space work = 0 exactly
// truth: batches = 1
// truth: exit 0
// SPDX-License-Identifier: MIT
// Sixteen preforked workers of one program: one upload holds them all.
#include <sys/wait.h>

#include "truth.h"

TRUTH_FRAME static void work(void)
{
	for (int i = 0; i < 4096; i++) {
		void *volatile block = malloc(1024);

		free(block);
	}
	truth_burn(200);
	TRUTH_STAY();
}

int main(void)
{
	int failed = 0, status = 0;

	for (int i = 0; i < 16; i++) {
		pid_t child = fork();

		if (child == 0) {
			work();
			_exit(0);
		}
		failed |= child < 0;
	}
	while (wait(&status) > 0)
		failed |= status;
	truth_print("work_ns", 16u * 200000000u);
	return failed != 0;
}
