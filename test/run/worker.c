/* worker.c - a target for tests of delivery: allocates a known amount, at once or until told to
 * end. */
/* SPDX-License-Identifier: MIT */
#include <poll.h>
#include <string.h>

#include "test/truth/truth.h"

#define PIECES 4096

static void *kept[PIECES];

/* 4 MiB in pieces of 1 KiB. */
TRUTH_FRAME static void burst(void)
{
	for (int i = 0; i < PIECES; i++) {
		free(kept[i]);
		kept[i] = malloc(1024);
	}
	TRUTH_STAY();
}

static int told_to_end(int wait_ms)
{
	struct pollfd in = {.fd = 0, .events = POLLIN};
	char c;

	return poll(&in, 1, wait_ms) > 0 && read(0, &c, 1) == 0;
}

TRUTH_FRAME static void spin(void)
{
	truth_burn(10);
	TRUTH_STAY();
}

int main(int argc, char **argv)
{
	uint64_t bursts = 1;

	truth_burn(50);
	burst();
	if (argc > 1 && strcmp(argv[1], "loop") == 0)
		for (; !told_to_end(20); bursts++)
			burst();
	/* half of it CPU time, if it is let */
	if (argc > 1 && strcmp(argv[1], "burn") == 0)
		for (; !told_to_end(10); bursts++) {
			spin();
			burst();
		}
	if (argc > 1 && strcmp(argv[1], "hold") == 0)
		truth_hold();
	truth_print_cpu();
	truth_print("burst_bytes", bursts * PIECES * 1024);
	return 3;
}
