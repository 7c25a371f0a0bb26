// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=2048
// harm: within 30
// harm: alloc_space kept = 40000000 +-5%
// harm: inuse_space kept = 20000000 +-5%
// harm: inuse_space reallocated = 20000000 +-5%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A program that counts by functions of its own in front of malloc and the rest, which hand on to
// the next in line: that is us. It is recursion without end for a profiler that looks its real
// malloc up by RTLD_DEFAULT, and 0 for one that is passed by.
#include <dlfcn.h>

#include "test/harm/harm.h"

#define BLOCKS 40000

static void *(*next_malloc)(size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_calloc)(size_t, size_t);
static void (*next_free)(void *);
static long calls;
static void *volatile blocks[BLOCKS];
static void *volatile others[BLOCKS];

static void *next(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	HARM_UNLESS(found, "no %s", name);
	return found;
}

void *malloc(size_t n)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (!next_malloc)
		*(void **)&next_malloc = next("malloc");
	return next_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (!next_calloc)
		*(void **)&next_calloc = next("calloc");
	return next_calloc(n, size);
}

void *realloc(void *block, size_t n)
{
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
	if (!next_realloc)
		*(void **)&next_realloc = next("realloc");
	return next_realloc(block, n);
}

void free(void *block)
{
	if (!next_free)
		*(void **)&next_free = next("free");
	next_free(block);
}

TRUTH_FRAME static void kept(void)
{
	for (int i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(1000);
	TRUTH_STAY();
}

TRUTH_FRAME static void reallocated(void)
{
	for (int i = 0; i < BLOCKS; i += 2)
		others[i] = realloc(calloc(10, 10), 1000);
	TRUTH_STAY();
}

int main(void)
{
	kept();
	for (int i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
	reallocated();
	truth_print("calls", (uint64_t)calls);
	return calls < BLOCKS * 2;
}
