// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: cpu f = printed f_ns +-5%
// truth: alloc_space burst = 67108864 +-5%
// truth: inuse_space burst = 67108864 +-5%
// truth: exit 5
// SPDX-License-Identifier: MIT
// Ends by becoming another program, which must not be hurt by what we left behind.
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
	f();
	burst();
	truth_print("f_ns", 1000000000u);
	execl("/bin/sh", "sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 5",
	      (char *)NULL);
	return 1;
}
