// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu total = printed work_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// A program that becomes itself 60 times, after 10 ms of work each: what was due at an exec, and at
// the end, is counted. By chance it may be off by 4 periods in 600.
#include "truth.h"

int main(int argc, char **argv)
{
	uint64_t began = truth_clock(CLOCK_THREAD_CPUTIME_ID), now;
	int left = argc > 1 ? atoi(argv[1]) : 60;
	uint64_t before = argc > 2 ? (uint64_t)atoll(argv[2]) : 0;
	char count[16], sum[32];

	while ((now = truth_clock(CLOCK_THREAD_CPUTIME_ID)) < began + 10000000)
		for (int i = 0; i < 5000; i++)
			__asm__ volatile("" : "+r"(i));
	before += now - began;
	if (left <= 1) {
		truth_print("work_ns", before);
		return 0;
	}
	snprintf(count, sizeof count, "%d", left - 1);
	snprintf(sum, sizeof sum, "%llu", (unsigned long long)before);
	execl("/proc/self/exe", argv[0], count, sum, NULL);
	return 1;
}
