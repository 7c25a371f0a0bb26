// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// truth: alloc_space before@parent = 16777216 +-5%
// truth: alloc_space before@child = 0 exactly
// truth: alloc_space before = 16777216 +-5%
// truth: inuse_space before@parent = 16777216 +-5%
// truth: inuse_space before@child = 8388608 +-5%
// truth: alloc_space after@child = 16777216 +-5%
// truth: inuse_space after@child = 16777216 +-5%
// truth: alloc_space after@parent = 0 exactly
// truth: exit 0
// SPDX-License-Identifier: MIT
// The parent allocates and forks; the child frees half of what it inherited, and allocates anew.
// The inherited blocks are alive in both, but nobody allocated them twice.
#include <sys/wait.h>

#include "truth.h"

#define PIECES 16384

static void *piece[PIECES];
static void *more[PIECES];

TRUTH_FRAME static void before(void)
{
	for (int i = 0; i < PIECES; i++)
		piece[i] = malloc(1024);
	TRUTH_STAY();
}

TRUTH_FRAME static void after(void)
{
	for (int i = 0; i < PIECES; i++)
		more[i] = malloc(1024);
	TRUTH_STAY();
}

int main(void)
{
	int status = 0;
	pid_t child;

	before();
	child = fork();
	if (child == 0) {
		for (int i = 0; i < PIECES; i += 2)
			free(piece[i]);
		after();
		_exit(more[0] == NULL);
	}
	truth_print("parent", (uint64_t)getpid());
	truth_print("child", (uint64_t)child);
	if (waitpid(child, &status, 0) != child)
		return 1;
	return status != 0;
}
