/* live.h - eight threads that allocate in every way and free each other's blocks, and keep account.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "test/harm/harm.h"

#define THREADS 8
#define SHELVES (1 << 16)

/* A block on a shelf begins with its size; who takes it off is alone with it. */
static void *_Atomic shelf[SHELVES];
static unsigned long operations, scale;

static inline unsigned next_random(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Mostly small, now and then large, seldom with a mapping of its own. */
static inline size_t some_size(unsigned *seed)
{
	unsigned r = next_random(seed);

	if (r % 1024 == 0)
		return 40000 + r / 1024 % 300000;
	return scale * (16 + (r % 16 ? r / 16 % 500 : r / 16 % 8000));
}

TRUTH_FRAME static size_t *born(unsigned *seed)
{
	size_t n = some_size(seed);
	void *block = NULL;

	switch (next_random(seed) % 8) {
	case 0:
		block = calloc(1, n);
		HARM_UNLESS(!block || ((char *)block)[n / 2] == 0, "not clear");
		break;
	case 1:
		HARM_UNLESS(posix_memalign(&block, 256, n) == 0, "no memory");
		break;
	case 2:
		block = n % 3 ? aligned_alloc(64, n) : memalign(4096, n);
		break;
	default:
		block = malloc(n);
	}
	HARM_UNLESS(block, "no memory for %zu", n);
	*(size_t *)block = n;
	((char *)block)[n - 1] = (char)n;
	return block;
}

TRUTH_FRAME static size_t *changed(size_t *block, unsigned *seed)
{
	size_t was = *block, n = some_size(seed);

	if (next_random(seed) % 4 == 0)
		n = was + next_random(seed) % 64; /* mostly in place */
	HARM_UNLESS(was < 16 + 8 || ((char *)block)[was - 1] == (char)was,
		    "a block was overwritten");
	block = realloc(block, n);
	HARM_UNLESS(block && *block == was, "realloc to %zu", n);
	*block = n;
	((char *)block)[n - 1] = (char)n;
	return block;
}

static inline void *work(void *arg)
{
	unsigned seed = 1 + 77 * (unsigned)(uintptr_t)arg;

	for (unsigned long i = 0; i < operations; i += 2) {
		void *_Atomic *place = &shelf[next_random(&seed) % SHELVES];
		size_t *mine = __atomic_exchange_n((void **)place, NULL, __ATOMIC_ACQ_REL);

		if (mine && next_random(&seed) % 3 == 0)
			mine = changed(mine, &seed);
		else if (mine)
			free(mine), mine = NULL;
		else
			mine = born(&seed);
		place = &shelf[next_random(&seed) % SHELVES];
		free(__atomic_exchange_n((void **)place, mine, __ATOMIC_ACQ_REL));
	}
	return arg;
}

/* argv: how many operations, times which size. Runs them, and prints what is alive afterwards. */
static inline int live_run(char **argv)
{
	uint64_t objects = 0, bytes = 0;
	pthread_t thread[THREADS];

	operations = strtoul(argv[1], NULL, 10) / THREADS;
	scale = strtoul(argv[2], NULL, 10);
	for (uintptr_t i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&thread[i], NULL, work, (void *)i) == 0, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < SHELVES; i++) {
		size_t *block = shelf[i];

		objects += block != NULL;
		bytes += block ? *block : 0;
	}
	truth_print("objects", objects);
	truth_print("bytes", bytes);
	return 0;
}
