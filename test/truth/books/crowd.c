// truth: with CONPROF_HEAP_SAMPLE_INTERVAL=1024
// truth: within 500
// truth: sharp 15 5
// truth: runs 1 2000000
// truth: sharp 10 4
// truth: slowly 1 20000000
// truth: exit 0
// SPDX-License-Identifier: MIT
// Eight threads allocate in every way, change sizes and free each other's blocks, millions of
// times; a block may be freed, and its address be another thread's, while its realloc has not
// returned. Each site's books, made by each thread for itself, are exact when all have ended. A
// loss of one in a thousand frees would show as blocks that are alive for ever: there are a hundred
// times more allocations than blocks alive in the long run.
#include <malloc.h>
#include <pthread.h>

#include "test/truth/books/books.h"

#define THREADS 8
#define SHELVES (1 << 17)
#define SIZES	24
#define SITES	4

/* A block on a shelf begins with where it is in the books; who takes it off is alone with it. */
struct head {
	uint32_t site, size;
};

enum { PLAIN, CLEAR, ALIGNED, CHANGED };
static const char *const names[SITES] = {"plain", "clear", "aligned", "changed"};
static size_t sizes[SIZES];
static void *_Atomic shelf[SHELVES];
static unsigned long operations;
static struct thread {
	pthread_t id;
	uint64_t seed, made[SITES][SIZES], ended[SITES][SIZES];
} threads[THREADS];

/* Mostly small, now and then large, seldom with a mapping of its own. */
static uint32_t some_size(struct thread *me)
{
	uint32_t r = books_random(&me->seed);

	if (r % 1024 == 0)
		return 20 + r / 1024 % 4;
	return r % 16 ? r / 16 % 12 : 12 + r / 16 % 8;
}

static struct head *made(struct thread *me, void *block, uint32_t site, uint32_t size)
{
	struct head *head = block;

	if (!block)
		abort();
	*head = (struct head){site, size};
	me->made[site][size]++;
	return head;
}

TRUTH_FRAME static void *plain(size_t size)
{
	void *block = malloc(size);

	TRUTH_STAY();
	return block;
}

TRUTH_FRAME static void *clear(size_t size)
{
	void *block = calloc(1, size);

	TRUTH_STAY();
	return block;
}

TRUTH_FRAME static void *aligned(size_t size, uint32_t r)
{
	void *block = NULL;

	if (r % 256 == 0)
		block = memalign(4096, size);
	else if (posix_memalign(&block, 64 << r % 3, size) != 0)
		abort();
	TRUTH_STAY();
	return block;
}

TRUTH_FRAME static void *changed(void *block, size_t size)
{
	block = realloc(block, size);
	TRUTH_STAY();
	return block;
}

static struct head *born(struct thread *me)
{
	uint32_t size = some_size(me), r = books_random(&me->seed);

	switch (r % 4) {
	case 0:
		return made(me, clear(sizes[size]), CLEAR, size);
	case 1:
		return made(me, aligned(sizes[size], r / 4), ALIGNED, size);
	default:
		return made(me, plain(sizes[size]), PLAIN, size);
	}
}

static struct head *grown(struct thread *me, struct head *head)
{
	uint32_t size = some_size(me);

	me->ended[head->site][head->size]++;
	return made(me, changed(head, sizes[size]), CHANGED, size);
}

static void dead(struct thread *me, struct head *head)
{
	if (!head)
		return;
	me->ended[head->site][head->size]++;
	free(head);
}

static void *work(void *arg)
{
	struct thread *me = arg;

	for (unsigned long i = 0; i < operations; i += 2) {
		void *_Atomic *place = &shelf[books_random(&me->seed) % SHELVES];
		struct head *mine = __atomic_exchange_n((void **)place, NULL, __ATOMIC_ACQ_REL);

		if (mine && books_random(&me->seed) % 3 == 0)
			mine = grown(me, mine);
		else if (mine)
			dead(me, mine), mine = NULL;
		else
			mine = born(me);
		place = &shelf[books_random(&me->seed) % SHELVES];
		dead(me, __atomic_exchange_n((void **)place, mine, __ATOMIC_ACQ_REL));
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct books books[SITES];

	operations = strtoul(argc > 1 ? argv[1] : "1000000", NULL, 10) / THREADS;
	for (int i = 0; i < SIZES; i++)
		sizes[i] = i < 12   ? 100 + 40 * (size_t)i
			   : i < 20 ? 1000 * (size_t)(i - 11)
				    : 40000 + 50000 * (size_t)(i - 20);
	for (int t = 0; t < THREADS; t++) {
		threads[t].seed = (uint64_t)t;
		if (pthread_create(&threads[t].id, NULL, work, &threads[t]) != 0)
			abort();
	}
	for (int t = 0; t < THREADS; t++)
		pthread_join(threads[t].id, NULL);
	for (int site = 0; site < SITES; site++) {
		books[site].site = names[site];
		for (int t = 0; t < THREADS; t++)
			for (int i = 0; i < SIZES; i++)
				books_add(&books[site], sizes[i], threads[t].made[site][i],
					  threads[t].ended[site][i]);
		books_print(&books[site]);
	}
	return 0;
}
