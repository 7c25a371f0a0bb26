// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run fine 2000000 1 CONPROF_HEAP_SAMPLE_INTERVAL=1024
// harm: within 60
// harm: inuse_objects work = printed objects +-8%
// harm: inuse_space work = printed bytes +-4%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Eight threads allocate by every function, change sizes and free each other's blocks. What is
// alive at the end is known, and the profile must say the same. It says a quarter more when
// cp_heap_realloc of hook/heap.c does not take the old block off the list.
#include "test/harm/memory/live.h"

int main(int argc, char **argv)
{
	(void)argc;
	return live_run(argv);
}
