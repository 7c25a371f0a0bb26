// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: sharp 8 8
// truth: runs 2
// truth: exit 0
// SPDX-License-Identifier: MIT
// Four thousand stacks with one block each, of the interval's size: a sample stands for 1.58
// blocks, and is told as 1 or 2 of them. If all were told as 2, there would be a quarter too many.
#include "test/truth/books/books.h"

#define DEPTH 12

static void *volatile last;

TRUTH_FRAME static void left(struct books *books, int depth, int path);

TRUTH_FRAME static void right(struct books *books, int depth, int path)
{
	if (depth == DEPTH) {
		last = malloc(4095);
		books_made(books, 4095);
	} else if (path >> depth & 1) {
		right(books, depth + 1, path);
	} else {
		left(books, depth + 1, path);
	}
	TRUTH_STAY();
}

TRUTH_FRAME static void left(struct books *books, int depth, int path)
{
	if (depth == DEPTH) {
		last = malloc(4095);
		books_made(books, 4095);
	} else if (path >> depth & 1) {
		right(books, depth + 1, path);
	} else {
		left(books, depth + 1, path);
	}
	TRUTH_STAY();
}

TRUTH_FRAME static void paths(struct books *books)
{
	for (int path = 0; path < 1 << DEPTH; path++)
		left(books, 0, path);
	TRUTH_STAY();
}

int main(void)
{
	static struct books books = {.site = "paths"};

	paths(&books);
	books_print(&books);
	return 0;
}
