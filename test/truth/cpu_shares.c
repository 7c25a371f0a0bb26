// truth: slow
// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu f/g = 2.0 +-5%
// truth: cpu f = printed f_ns +-5%
// truth: cpu total = printed cpu_ns +-5%
// truth: samples f/g = 2.0 +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// f burns twice what g burns.
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
	for (int i = 0; i < 10; i++) {
		f(200);
		g(100);
	}
	truth_print("f_ns", 2000000000u);
	truth_print_cpu();
	return 0;
}
