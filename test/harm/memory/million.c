// harm: slow
// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// harm: within 120
// harm: inuse_objects keep = printed objects +-0.4%
// harm: inuse_space keep = printed bytes +-0.4%
// harm: alloc_objects keep = printed made +-0.4%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A million sampled blocks are alive, 63 of 100 blocks of 1 KiB: more than six standard deviations
// are allowed. Each sample takes a page, so where memory is scarce there are fewer, but more than
// the 139,776 that are followed when the interval is wide. With that table 14 of 100 are found
// alive: when the constructor in life/start.c opens no fourth street, or live.c never goes there.
#include "test/harm/harm.h"

#define SIZE  1024u
#define MOST  1600000ul
#define LEAST 400000ul

static char **kept;

static unsigned long available(void)
{
	char line[128];
	unsigned long kib = 0;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && !kib && fgets(line, sizeof line, f))
		sscanf(line, "MemAvailable: %lu", &kib);
	if (f)
		fclose(f);
	return kib * 1024;
}

/* One of so many. */
TRUTH_FRAME static void keep(unsigned long n, unsigned each)
{
	for (unsigned long i = 0; i < n; i += each) {
		kept[i] = malloc(SIZE);
		HARM_UNLESS(kept[i], "no memory for number %lu", i);
		*kept[i] = 1;
	}
	TRUTH_STAY();
}

int main(void)
{
	unsigned long n = available() / 2 / 3500;

	n = (n > MOST ? MOST : n < LEAST ? LEAST : n) / 4 * 4;
	kept = calloc(n, sizeof *kept);
	HARM_UNLESS(kept, "no memory");
	keep(n, 1);
	for (unsigned long i = 0; i < n; i += 4)
		free(kept[i]);
	keep(n, 4);
	truth_print("objects", n);
	truth_print("bytes", n * SIZE);
	truth_print("made", n + n / 4);
	return 0;
}
