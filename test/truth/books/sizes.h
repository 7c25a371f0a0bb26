/* sizes.h - sites of one size or several: some blocks are kept, the others freed a little later. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "test/truth/books/books.h"

#define LATER 64

static struct {
	void *block[LATER];
	size_t size[LATER];
	unsigned next;
} waiting;

/* Kept for ever if `keep`; else it takes the place of an older one, which is freed. */
static inline __attribute__((always_inline)) void put(struct books *books, void *block, size_t size,
						      int keep)
{
	unsigned at = waiting.next++ % LATER;

	if (!block)
		abort();
	if (keep)
		return;
	if (waiting.block[at]) {
		free(waiting.block[at]);
		books_ended(books, waiting.size[at]);
	}
	waiting.block[at] = block;
	waiting.size[at] = size;
}

static inline void put_end(struct books *books)
{
	for (unsigned at = 0; at < LATER; at++) {
		if (waiting.block[at]) {
			free(waiting.block[at]);
			books_ended(books, waiting.size[at]);
		}
		waiting.block[at] = NULL;
	}
	books_print(books);
}

/* `count` blocks of `size_of` bytes, of which about `alive` are kept. */
#define SITE(name, size_of, count, alive)                                                          \
	TRUTH_FRAME static void name(void)                                                         \
	{                                                                                          \
		struct books books = {.site = #name};                                              \
		uint64_t seed = 1;                                                                 \
                                                                                                   \
		for (long i = 0; i < (count); i++) {                                               \
			size_t size = (size_of);                                                   \
			int keep = books_random(&seed) % ((count) / (alive)) == 0;                 \
			void *block = malloc(size);                                                \
                                                                                                   \
			books_made(&books, size);                                                  \
			put(&books, block, size, keep);                                            \
		}                                                                                  \
		put_end(&books);                                                                   \
	}
