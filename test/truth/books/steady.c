// truth: within 500
// truth: sharp 12 10
// truth: runs 1 40
// truth: sharp 10 10
// truth: slowly 1 1000
// truth: exit 0
// SPDX-License-Identifier: MIT
// A long life at the default interval, in millions of allocations: a thousand are 10^9. Nearly all
// are freed at once, as in a server; a gigabyte of known blocks stays, replaced one by one all the
// while. Allocations of the first quarter and of the last are told as truly, and what is alive in
// the end is what is alive: nothing drifts.
#include "test/truth/books/books.h"

#define BLOCKS	 40000
#define QUARTERS 4

static void *kept[BLOCKS]; /* their own site: in no quarter's stacks */
static const size_t sizes[] = {200, 1000, 60, 3000, 500, 24, 100, 12000};

/* What is kept: 32 KiB, never written. */
TRUTH_FRAME static void *keep(void)
{
	void *block = malloc(32768);

	if (!block)
		abort();
	TRUTH_STAY();
	return block;
}

#define SLICE 4096

#define QUARTER(name)                                                                              \
	TRUTH_FRAME static void name(void)                                                         \
	{                                                                                          \
		for (int i = 0; i < SLICE; i++) {                                                  \
			void *block = malloc(sizes[i % 8]);                                        \
                                                                                                   \
			__asm__ volatile("" : "+r"(block) : : "memory");                           \
			free(block);                                                               \
		}                                                                                  \
		TRUTH_STAY();                                                                      \
	}

QUARTER(first_quarter)
QUARTER(second_quarter)
QUARTER(third_quarter)
QUARTER(last_quarter)

static void serve(void (*quarter)(void), struct books *books, struct books *alive, long n)
{
	static uint64_t seed = 1;

	for (long slice = 0; slice < n / SLICE; slice++) {
		void **place = &kept[books_random(&seed) % BLOCKS];

		quarter();
		free(*place);
		*place = keep();
	}
	books_add(alive, 32768, (uint64_t)(n / SLICE), (uint64_t)(n / SLICE));
	for (int i = 0; i < 8; i++)
		books_add(books, sizes[i], (uint64_t)(n / SLICE) * SLICE / 8,
			  (uint64_t)(n / SLICE) * SLICE / 8);
}

int main(int argc, char **argv)
{
	static struct books quarter[QUARTERS] = {{.site = "first_quarter"},
						 {.site = "second_quarter"},
						 {.site = "third_quarter"},
						 {.site = "last_quarter"}};
	static struct books alive = {.site = "keep"};
	long n = strtol(argc > 1 ? argv[1] : "1", NULL, 10) * 1000000 / QUARTERS;

	for (int i = 0; i < BLOCKS; i++)
		kept[i] = keep();
	books_add(&alive, 32768, BLOCKS, 0);
	serve(first_quarter, &quarter[0], &alive, n);
	serve(second_quarter, &quarter[1], &alive, n);
	serve(third_quarter, &quarter[2], &alive, n);
	serve(last_quarter, &quarter[3], &alive, n);
	for (int i = 0; i < QUARTERS; i++)
		books_print(&quarter[i]);
	books_print(&alive);
	return 0;
}
