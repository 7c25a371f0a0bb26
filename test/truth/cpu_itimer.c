// truth: with CONPROF_CPU_TIMER=itimer CONPROF_CPU_PROFILERATE=100
// truth: cpu f/g = 2.0 +-5%
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// truth: slow
// SPDX-License-Identifier: MIT
// The process-wide timer: f burns twice what g burns, in long stretches, because samples are few.
#include "truth.h"

TRUTH_FRAME static void f(uint64_t ms)
{
	truth_burn(ms);
	TRUTH_STAY();
}

TRUTH_FRAME static void g(uint64_t ms)
{
	truth_burn(ms);
	TRUTH_STAY();
}

int main(void)
{
	for (int i = 0; i < 3; i++) {
		f(1000);
		g(500);
	}
	truth_print_cpu();
	return 0;
}
