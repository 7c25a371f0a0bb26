// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// truth: sharp 16 4
// truth: runs 1
// truth: sharp 8 1
// truth: slowly 6
// truth: exit 0
// SPDX-License-Identifier: MIT
// Every way to a block: zeroed, aligned, grown step by step, shrunk, moved by hand; and what fails
// is in no book. A realloc that succeeds is an allocation of the new size and the end of the old.
#include <errno.h>
#include <malloc.h>

#include "test/truth/books/sizes.h"

static size_t some_size(uint64_t *seed)
{
	return 100 + books_random(seed) % 32 * 130;
}

#define WAY(name, count, alive, get)                                                               \
	TRUTH_FRAME static void name(void)                                                         \
	{                                                                                          \
		struct books books = {.site = #name};                                              \
		uint64_t seed = 1;                                                                 \
                                                                                                   \
		for (int i = 0; i < (count); i++) {                                                \
			size_t size = some_size(&seed);                                            \
			void *block = NULL;                                                        \
                                                                                                   \
			get;                                                                       \
			books_made(&books, size);                                                  \
			put(&books, block, size, i % ((count) / (alive)) == 0);                    \
		}                                                                                  \
		put_end(&books);                                                                   \
	}

WAY(with_calloc, 40000, 2000, block = calloc(size / 10, 10))
WAY(with_reallocarray, 40000, 2000, block = reallocarray(NULL, size / 10, 10))
WAY(with_posix_memalign, 40000, 2000, if (posix_memalign(&block, 256, size)) abort())
WAY(with_aligned_alloc, 40000, 2000, block = aligned_alloc(64, size))
WAY(with_memalign, 40000, 2000, block = memalign(4096, size))
WAY(with_valloc, 40000, 2000, block = valloc(size))
/* It gives whole pages. */
WAY(with_pvalloc, 40000, 2000, block = pvalloc(size); size = (size + 4095) / 4096 * 4096)

#define CHAINS 3000

static struct {
	char *block;
	size_t size;
	struct books *where;
} chain[CHAINS];

static inline __attribute__((always_inline)) void change(struct books *books, int i, size_t size)
{
	char *block = realloc(chain[i].block, size);

	if (!block)
		abort();
	if (chain[i].block)
		books_ended(chain[i].where, chain[i].size);
	books_made(books, size);
	chain[i].block = block;
	chain[i].size = size;
	chain[i].where = books;
}

/* Blocks of 64 bytes grow to 100 KB; the last of them often in place, or by a mapping that moves.
 */
TRUTH_FRAME static void grown(struct books *books)
{
	for (size_t size = 64; size < 120000; size = size * 3 / 2)
		for (int i = 0; i < CHAINS; i++)
			change(books, i, size);
	TRUTH_STAY();
}

TRUTH_FRAME static void grown_alone(struct books *books)
{
	for (int i = 0; i < CHAINS; i++)
		for (size_t size = 200000; size < 210000; size += 1000)
			change(books, i, i % 50 ? size % 999 + 700 : size);
	TRUTH_STAY();
}

TRUTH_FRAME static void shrunk(struct books *books)
{
	for (int i = 0; i < CHAINS; i++)
		for (size_t size = chain[i].size; size > 500; size = size * 2 / 3)
			change(books, i, size);
	TRUTH_STAY();
}

/* What fails leaves the old block alive where it is, in the books too. */
TRUTH_FRAME static void failed(void)
{
	static volatile size_t absurd = PTRDIFF_MAX / 4, more = SIZE_MAX - 100;
	void *none = NULL;

	for (int i = 0; i < CHAINS; i++)
		if (realloc(chain[i].block, i % 2 ? absurd : more) || malloc(absurd) ||
		    calloc(absurd, 16) || reallocarray(chain[i].block, absurd, 9) ||
		    aligned_alloc(64, absurd) || posix_memalign(&none, 64, absurd) != ENOMEM)
			abort();
	TRUTH_STAY();
}

TRUTH_FRAME static void ended(void)
{
	for (int i = 0; i < CHAINS; i += 2) {
		books_ended(chain[i].where, chain[i].size);
		if (i % 4)
			free(chain[i].block);
		else if (realloc(chain[i].block, 0))
			abort();
	}
}

int main(void)
{
	static struct books growing = {.site = "grown"}, alone = {.site = "grown_alone"},
			    shrinking = {.site = "shrunk"}, none = {.site = "failed"};

	with_calloc();
	with_reallocarray();
	with_posix_memalign();
	with_aligned_alloc();
	with_memalign();
	with_valloc();
	with_pvalloc();
	grown(&growing);
	grown_alone(&alone);
	failed();
	shrunk(&shrinking);
	failed();
	ended();
	books_add(&none, 1, 0, 0);
	books_print(&growing);
	books_print(&alone);
	books_print(&shrinking);
	books_print(&none);
	return 0;
}
