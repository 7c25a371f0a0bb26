// truth: slow
// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu f@child = printed f_ns +-5%
// truth: cpu g@parent = printed g_ns +-5%
// truth: cpu f@parent = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// A forked child that only burns: it never calls anything that we stand in front of.
#include <sys/wait.h>

#include "truth.h"

TRUTH_FRAME static void f(void)
{
	truth_burn(2000);
	TRUTH_STAY();
}

TRUTH_FRAME static void g(void)
{
	truth_burn(1000);
	TRUTH_STAY();
}

int main(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		f();
		_exit(0);
	}
	g();
	truth_print("parent", (uint64_t)getpid());
	truth_print("child", (uint64_t)child);
	truth_print("f_ns", 2000000000u);
	truth_print("g_ns", 1000000000u);
	if (waitpid(child, &status, 0) != child)
		return 1;
	return status != 0;
}
