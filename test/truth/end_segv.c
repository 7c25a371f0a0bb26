// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: cpu f = printed f_ns +-5%
// truth: alloc_space burst = 67108864 +-5%
// truth: inuse_space burst = 67108864 +-5%
// truth: signal 11
// SPDX-License-Identifier: MIT
// Dies of a bad access.
#include "truth.h"

TRUTH_FRAME static void f(void)
{
	truth_burn(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static void burst(void)
{
	for (int i = 0; i < 65536; i++) {
		void *volatile block = malloc(1024);

		(void)block;
	}
	TRUTH_STAY();
}

int main(void)
{
	volatile char *volatile nowhere = (volatile char *)8;

	f();
	burst();
	truth_print("f_ns", 1000000000u);
	*nowhere = 1;
	return 1;
}
