// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=256
// harm: within 30
// harm: inuse_space kept = 8000000 +-5%
// harm: alloc_space kept = 16000000 +-5%
// harm: alloc_space never = 0 exactly
// harm: inuse_space grown = 0 exactly
// harm: inuse_space shrunk = 800000 +-8%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A realloc that fails leaves its block alive, in the profile too; what was never had is not in it;
// realloc(p, 0) is the end of p, and a block that shrinks is its new size. It fails when
// cp_heap_realloc of hook/heap.c does not put the old block back.
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "test/harm/harm.h"

#define BLOCKS 8000

static void *volatile block[BLOCKS];
static void *volatile other[BLOCKS];

TRUTH_FRAME static void kept(void)
{
	for (int i = 0; i < BLOCKS; i++)
		block[i] = malloc(2000);
	TRUTH_STAY();
}

TRUTH_FRAME static void never(void)
{
	static volatile size_t too_much = PTRDIFF_MAX / 2, most = SIZE_MAX;

	for (int i = 0; i < BLOCKS; i++) {
		void *aligned = &aligned;

		errno = 0;
		HARM_UNLESS(!realloc(block[i], too_much) && errno == ENOMEM, "realloc");
		HARM_UNLESS(!realloc(block[i], most) && errno == ENOMEM, "realloc");
		HARM_UNLESS(!reallocarray(block[i], most, 2) && errno == ENOMEM, "reallocarray");
		HARM_UNLESS(!malloc(too_much) && !calloc(most, 3), "malloc");
		HARM_UNLESS(posix_memalign(&aligned, 64, too_much) == ENOMEM, "posix_memalign");
		HARM_UNLESS(posix_memalign(&aligned, 3, 10) == EINVAL, "posix_memalign");
		HARM_UNLESS(aligned == &aligned, "the pointer was touched");
	}
	TRUTH_STAY();
}

TRUTH_FRAME static void grown(void)
{
	for (int i = 0; i < BLOCKS; i++)
		other[i] = realloc(malloc(100), 5000);
	TRUTH_STAY();
}

TRUTH_FRAME static void shrunk(void)
{
	for (int i = 0; i < BLOCKS; i++)
		other[i] = realloc(other[i], 100);
	TRUTH_STAY();
}

TRUTH_FRAME static void ended(void)
{
	for (int i = 0; i < BLOCKS; i++)
		other[i] = realloc(malloc(3000), 0);
	TRUTH_STAY();
}

int main(void)
{
	kept();
	ended();
	grown();
	shrunk();
	for (int i = 0; i < BLOCKS; i++)
		memset(block[i], i, 2000);
	never();
	for (int i = 0; i < BLOCKS; i++)
		HARM_UNLESS(((char *)block[i])[1999] == (char)i, "block %d was touched", i);
	for (int i = 0; i < BLOCKS; i += 2)
		free(block[i]);
	return 0;
}
