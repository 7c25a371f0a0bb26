// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu thrower/total = 0.995 +-5%
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// Exceptions by the hundred thousand under sampling: each is caught, each destructor runs.
#include <stdexcept>

#include "truth.h"

static unsigned long left_rooms;

struct Room {
	~Room() { left_rooms++; }
};

TRUTH_FRAME static void inner(unsigned long i)
{
	Room room;

	if (i != ~0ul)
		throw std::runtime_error("as planned");
	TRUTH_STAY();
}

TRUTH_FRAME static unsigned long thrower()
{
	uint64_t end = truth_clock(CLOCK_THREAD_CPUTIME_ID) + 2000000000u;
	unsigned long thrown = 0;

	while (truth_clock(CLOCK_THREAD_CPUTIME_ID) < end) {
		for (int i = 0; i < 100; i++) {
			try {
				inner(thrown);
			} catch (const std::runtime_error &) {
				thrown++;
			}
		}
	}
	return thrown;
}

int main()
{
	unsigned long thrown = thrower();

	truth_print_cpu();
	return thrown == 0 || thrown != left_rooms;
}
