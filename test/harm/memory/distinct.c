// harm: slow
// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=1
// harm: run own CONPROF_CPU_PROFILERATE=100
// harm: run libunwind CONPROF_UNWINDER=libunwind CONPROF_CPU_PROFILERATE=4000
// harm: within 120
// harm: alloc_space total = printed asked +-1%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A million allocations, each from a stack that no other has: tables that grow with them take the
// program's memory. Ours are full at some time; then the rest is counted as lost, and in the total
// nothing is missing. With libunwind its cache grows meanwhile, and ticks come in between. It fails
// when write_row of signal/stacks.c does not count, or has no end.
#include "test/harm/harm.h"

#define STACKS	(1 << 20)
#define ALLOWED (60 << 10) /* KiB: the recording, of 16 MiB, and what is alive */

static void *volatile last[1024];
static uint64_t asked;

TRUTH_FRAME static void allocate(unsigned number)
{
	free(last[number % 1024]);
	last[number % 1024] = malloc(64);
	asked += 64;
	TRUTH_STAY();
}

TRUTH_FRAME static void left(unsigned number, int depth);

TRUTH_FRAME static void right(unsigned number, int depth)
{
	if (depth == 0)
		allocate(number);
	else if (number >> depth & 1)
		left(number, depth - 1);
	else
		right(number, depth - 1);
	TRUTH_STAY();
}

TRUTH_FRAME static void left(unsigned number, int depth)
{
	if (depth == 0)
		allocate(number);
	else if (number >> depth & 1)
		left(number, depth - 1);
	else
		right(number, depth - 1);
	TRUTH_STAY();
}

static long resident(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	long kib = 0;

	while (status && fgets(line, sizeof line, status))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}

int main(void)
{
	long before = resident(), grown;

	for (unsigned i = 0; i < STACKS; i++)
		(i & 1 ? left : right)(i, 20);
	grown = resident() - before;
	printf("grown %ld\n", grown);
	HARM_UNLESS(grown < ALLOWED, "%ld KiB more", grown);
	truth_print("asked", asked);
	return 0;
}
