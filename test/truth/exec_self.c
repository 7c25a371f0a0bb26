// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu f = printed f_ns +-5%
// truth: cpu g = printed g_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// Becomes itself: two images of one process, each with its own part of the truth.
#include "truth.h"

TRUTH_FRAME static void f(void)
{
	truth_burn(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static void g(void)
{
	truth_burn(1000);
	TRUTH_STAY();
}

int main(int argc, char **argv)
{
	if (argc == 1) {
		f();
		truth_print("f_ns", 1000000000u);
		execl("/proc/self/exe", argv[0], "again", (char *)NULL);
		return 1;
	}
	g();
	truth_print("g_ns", 1000000000u);
	return 0;
}
