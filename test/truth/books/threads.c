// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// truth: sharp 10 5
// truth: runs 2
// truth: sharp 4 2
// truth: slowly 6
// truth: exit 0
// SPDX-License-Identifier: MIT
// The first block of a thread, for which it has drawn no gap yet, the second, and the last, from a
// destructor; each is freed by another thread, or not at all.
#include <pthread.h>

#include "test/truth/books/books.h"

#define THREADS 4000
#define SIZE	1500

static void *block[3][THREADS];
static pthread_key_t key;

TRUTH_FRAME static void first(long i)
{
	block[0][i] = malloc(SIZE);
	TRUTH_STAY();
}

TRUTH_FRAME static void second(long i)
{
	block[1][i] = malloc(SIZE);
	TRUTH_STAY();
}

TRUTH_FRAME static void final(void *i)
{
	block[2][(long)i - 1] = malloc(SIZE);
	TRUTH_STAY();
}

static void *work(void *arg)
{
	first((long)arg);
	second((long)arg);
	pthread_setspecific(key, (void *)((long)arg + 1));
	return NULL;
}

/* Who frees has allocated none of them. */
static void *sweep(void *arg)
{
	for (int way = 0; way < 3; way++)
		for (int i = 0; i < THREADS; i += 2)
			free(block[way][i]);
	return arg;
}

int main(void)
{
	static struct books books[] = {{.site = "first"}, {.site = "second"}, {.site = "final"}};
	pthread_t thread;

	pthread_key_create(&key, final);
	for (long i = 0; i < THREADS; i++) {
		if (pthread_create(&thread, NULL, work, (void *)i) != 0)
			abort();
		pthread_join(thread, NULL);
	}
	if (pthread_create(&thread, NULL, sweep, NULL) != 0)
		abort();
	pthread_join(thread, NULL);
	for (int way = 0; way < 3; way++) {
		books_add(&books[way], SIZE, THREADS, THREADS / 2);
		books_print(&books[way]);
	}
	return 0;
}
