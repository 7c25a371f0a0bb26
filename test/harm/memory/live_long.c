// harm: slow
// harm: with CONPROF_CPU_PROFILERATE=100
// harm: run hundred_million 100000000 1 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: run default 10000000 16
// harm: within 240
// harm: inuse_space work = printed bytes +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// live.c for 10^8 operations, and at the default interval, where one block in hundreds is sampled:
// five standard deviations are allowed. Whatever is lost a little in each operation adds up here.
#include "test/harm/memory/live.h"

int main(int argc, char **argv)
{
	(void)argc;
	return live_run(argv);
}
