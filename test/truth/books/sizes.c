// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: sharp 12 3
// truth: runs 1
// truth: sharp 6 1.5
// truth: slowly 6
// truth: exit 0
// SPDX-License-Identifier: MIT
// Blocks from 100 bytes to 64 MiB, each size at a site of its own, and all of them mixed at one:
// small ones are seen by chance, large ones always, and together they must be right.
#include "test/truth/books/sizes.h"

SITE(bytes_100, 100, 2000000l, 100000l)
SITE(bytes_1000, 1000, 300000l, 15000l)
SITE(bytes_4096, 4096, 120000l, 5000l)
SITE(bytes_65536, 65536, 10000l, 300l)
SITE(mebibyte, 1 << 20, 1000l, 40l)
SITE(sixty_four_mebibytes, 1 << 26, 60l, 10l)

static size_t any_size(uint64_t *seed)
{
	uint32_t r = books_random(seed);

	if (r % 2048 == 0)
		return (size_t)1 << (r >> 11) % 27;
	return 200 + (size_t)((r >> 11) % 60) * 150;
}

SITE(mixed, any_size(&seed), 150000l, 5000l)

int main(void)
{
	bytes_100();
	bytes_1000();
	bytes_4096();
	bytes_65536();
	mebibyte();
	sixty_four_mebibytes();
	mixed();
	return 0;
}
