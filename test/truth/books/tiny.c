// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=64
// truth: sharp 12 3
// truth: runs 1
// truth: sharp 6 1.5
// truth: slowly 6
// truth: exit 0
// SPDX-License-Identifier: MIT
// Blocks of no byte, of one, of a few. Here a chance or a gap that is one byte off is seen: a
// block counts one byte more than was asked for, so that one of 0 bytes has a chance at all.
#include "test/truth/books/sizes.h"

SITE(bytes_0, 0, 6000000l, 300000l)
SITE(bytes_1, 1, 3000000l, 150000l)
SITE(bytes_16, 16, 400000l, 20000l)
SITE(bytes_64, 64, 200000l, 8000l)
SITE(mixed, books_random(&seed) % 50, 400000l, 16000l)

int main(void)
{
	bytes_0();
	bytes_1();
	bytes_16();
	bytes_64();
	mixed();
	return 0;
}
