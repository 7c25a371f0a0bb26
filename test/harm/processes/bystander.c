// harm: build -static
// SPDX-License-Identifier: MIT
// A static program, so no preloaded library is in it: what a profiler left behind in the process
// hits it. It burns as many milliseconds of CPU time as it is told to, and ends with 42.
#include "test/truth/truth.h"

int main(int argc, char **argv)
{
	truth_burn(argc > 1 ? (uint64_t)atoi(argv[1]) : 5);
	return 42;
}
