/* books.h - exact books of what each call site allocated, and of what is alive, size by size. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <string.h>

#include "test/truth/truth.h"

/* The runner (test/run/allocs.py) reads them from the output, a line for each site and size:
 *
 *     site FUNCTION SIZE ALLOCATED ALIVE
 *
 * and from the sizes it knows not only what the profile should say, but how far by chance it may be
 * off. */
#define BOOKS_SIZES 256

struct books {
	const char *site; /* the function in whose stacks the allocations are */
	unsigned sizes;
	struct {
		size_t size;
		uint64_t made, ended;
	} of[BOOKS_SIZES];
};

static inline void books_add(struct books *books, size_t size, uint64_t made, uint64_t ended)
{
	unsigned i = 0;

	while (i < books->sizes && books->of[i].size != size)
		i++;
	if (i == BOOKS_SIZES)
		abort();
	if (i == books->sizes)
		books->of[books->sizes++].size = size;
	books->of[i].made += made;
	books->of[i].ended += ended;
}

static inline void books_made(struct books *books, size_t size)
{
	books_add(books, size, 1, 0);
}

static inline void books_ended(struct books *books, size_t size)
{
	books_add(books, size, 0, 1);
}

/* Without stdio, which takes its buffer from malloc: that would be in the books of whoever prints.
 */
static inline void books_print(const struct books *books)
{
	char line[200];

	for (unsigned i = 0; i < books->sizes; i++) {
		int n = snprintf(line, sizeof line, "site %s %zu %llu %llu\n", books->site,
				 books->of[i].size, (unsigned long long)books->of[i].made,
				 (unsigned long long)(books->of[i].made - books->of[i].ended));

		if (write(1, line, (size_t)n) != n)
			abort();
	}
}

/* Random, but the same in each run: what differs from run to run is the profiler's choice alone. */
static inline uint32_t books_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*seed >> 33);
}
