// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu bottom = printed bottom_ns +-5%
// truth: cpu main = printed bottom_ns +-6%
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// Work under ten thousand frames: however much of the stack is left out, its leaf and its root are
// there.
#include "truth.h"

TRUTH_FRAME static void bottom(void)
{
	truth_burn(2000);
	TRUTH_STAY();
}

TRUTH_FRAME static int down(int depth)
{
	int below = 0;

	if (depth == 0)
		bottom();
	else
		below = down(depth - 1);
	TRUTH_STAY();
	return below + 1;
}

int main(void)
{
	if (down(10000) != 10001)
		return 1;
	truth_print("bottom_ns", 2000000000u);
	truth_print_cpu();
	return 0;
}
