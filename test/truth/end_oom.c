// truth: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=16384
// truth: memory 268435456
// truth: cpu f = printed f_ns +-5%
// truth: alloc_space eat = printed eaten_bytes +-5%
// truth: inuse_space eat = printed eaten_bytes +-5%
// truth: signal 9 or exit 42
// SPDX-License-Identifier: MIT
// Eats until it is killed by the memory cgroup (signal 9) or, where none can be made, until malloc
// gives nothing more under RLIMIT_AS; it then leaves at once.
#include <string.h>

#include "truth.h"

TRUTH_FRAME static void f(void)
{
	truth_burn(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static int eat(void)
{
	for (uint64_t eaten = 16384; eaten < (uint64_t)8 << 30; eaten += 16384) {
		void *block = malloc(16384);

		if (block == NULL)
			return 42;
		memset(block, 1, 16384);
		if (eaten % (1 << 20) == 0)
			truth_print("eaten_bytes", eaten);
	}
	return 1;
}

int main(void)
{
	f();
	truth_print("f_ns", 1000000000u);
	_exit(eat());
}
