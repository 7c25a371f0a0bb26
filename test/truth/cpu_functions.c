// truth: with CONPROF_CPU_PROFILERATE=1000
// truth: cpu total = printed cpu_ns +-5%
// truth: exit 0
// SPDX-License-Identifier: MIT
// cpu_functions [MS]: five functions, called in a random order for random times, far shorter than
// the kernel's tick; how much CPU time each has had is measured by the thread's own clock. One run
// says little of their shares: test/run/cpu_truths.py makes many, and asks whether they are off
// together.
#include "truth.h"

#define READS 2000

#define FUNCTION(name)                                                                             \
	TRUTH_FRAME static void name(unsigned long rounds)                                         \
	{                                                                                          \
		for (unsigned long i = 0; i < rounds; i++)                                         \
			__asm__ volatile("" : "+r"(i));                                            \
		TRUTH_STAY();                                                                      \
	}
FUNCTION(a)
FUNCTION(b)
FUNCTION(c)
FUNCTION(d)
FUNCTION(e)

static uint64_t thread_ns(void)
{
	return truth_clock(CLOCK_THREAD_CPUTIME_ID);
}

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* What a look at the clock takes: it falls between the functions. */
static uint64_t look_ns(void)
{
	uint64_t began = thread_ns();

	for (int i = 0; i < READS; i++)
		thread_ns();
	return (thread_ns() - began) / READS;
}

int main(int argc, char **argv)
{
	static void (*const work[])(unsigned long) = {a, b, c, d, e};
	static const unsigned of_100[] = {40, 65, 80, 92, 100};
	uint64_t ms = argc > 1 ? (uint64_t)atol(argv[1]) : 500, used[5] = {0}, now, last;
	uint64_t seed = truth_clock(CLOCK_MONOTONIC) ^ (uint64_t)getpid() << 32, look = look_ns();
	uint64_t end = thread_ns() + ms * 1000000;
	char name[] = "a";

	for (last = thread_ns(); last < end; last = now) {
		unsigned which = 0, at = (unsigned)(draw(&seed) % 100);

		while (of_100[which] <= at)
			which++;
		work[which](10000 + draw(&seed) % 1000000);
		now = thread_ns();
		used[which] += now - last > look ? now - last - look : 0;
	}
	for (int i = 0; i < 5; i++, name[0]++)
		truth_print(name, used[i]);
	truth_print_cpu();
	return 0;
}
