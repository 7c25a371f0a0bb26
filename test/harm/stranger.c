// harm: build -static
// SPDX-License-Identifier: MIT
// A static program, so no preloaded library is in it: what a profiler left behind in the process
// hits it. It burns CPU time and ends with 42.
#include "test/truth/truth.h"

int main(void)
{
	truth_burn(100);
	return 42;
}
