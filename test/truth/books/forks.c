// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=4096
// truth: sharp 15 15
// truth: runs 4
// truth: exit 0
// SPDX-License-Identifier: MIT
// Three hundred children of one parent allocate the same few blocks each. What their profiles say
// together is right only if their chances are their own: with the parent's next gap in all of
// them, all sample the same block, or none.
#include <sys/wait.h>

#include "test/truth/books/books.h"

#define CHILDREN 300
#define BLOCKS	 4

static void *volatile last;

TRUTH_FRAME static void child(void)
{
	for (int i = 0; i < BLOCKS; i++)
		last = malloc(1000);
	TRUTH_STAY();
	_exit(0);
}

int main(void)
{
	static struct books books = {.site = "child"};
	int status;

	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child();
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
			abort();
	}
	books_add(&books, 1000, CHILDREN * BLOCKS, 0);
	books_print(&books);
	return 0;
}
