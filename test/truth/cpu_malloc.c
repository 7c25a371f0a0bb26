// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=64
// truth: cpu cp_heap_slow = 0 exactly
// truth: cpu cp_record = 0 exactly
// truth: cpu cp_own_near = 0 exactly
// truth: cpu cp_stack_row = 0 exactly
// truth: cpu main = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// A program whose every allocation is sampled spends most of its time in the profiler. That is the
// caller's; no function of the profiler's is ever seen.
#include "truth.h"

static void *volatile kept; // or the compiler leaves both calls out

TRUTH_FRAME static void churn(void)
{
	uint64_t end = truth_clock(CLOCK_THREAD_CPUTIME_ID) + UINT64_C(1500000000);

	while (truth_clock(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 1000; i++)
			free(kept = malloc(64 + (size_t)(i & 31)));
	TRUTH_STAY();
}

int main(void)
{
	churn();
	truth_print_cpu();
	return 0;
}
