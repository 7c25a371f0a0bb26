/* renewed.c - more distinct stacks than a recording has room for, with exact books (renewals.py).
 *
 * renewed STACKS PER_SECOND: four threads that live as long as the program walk so many stacks
 * together, each once. At the end of each a block is made, of which one in sixteen is kept; the
 * others are ended by whichever thread comes by. Meanwhile threads are made and end, children are
 * forked who end what they inherited. Then it says what is true, and waits for the end of its
 * input. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test/truth/truth.h"

#define THREADS 4
#define SHELF	256
#define SIZE	1000
#define DEPTH	20

static unsigned long stacks, per_second;
static _Atomic unsigned long next, ended, children;
static void *_Atomic shelf[SHELF];
static void *_Atomic kept; /* a list, through the blocks' first words */
static uint64_t began;

static void dead(void *block)
{
	if (!block)
		return;
	free(block);
	ended++;
}

TRUTH_FRAME static void kept_or_not(unsigned long n)
{
	void **block = malloc(SIZE), *old;

	TRUTH_STAY();
	if (!block)
		abort();
	for (volatile int i = 0; i < 20000; i++)
		;
	if (n % 16) {
		dead(__atomic_exchange_n((void **)&shelf[n * 2654435761u % SHELF], block,
					 __ATOMIC_ACQ_REL));
		return;
	}
	old = kept;
	do
		*block = old;
	while (!__atomic_compare_exchange_n((void **)&kept, &old, block, 0, __ATOMIC_ACQ_REL,
					    __ATOMIC_ACQUIRE));
}

/* A stack of its own for each number: as many frames as a number has bits, left or right. */
static void right(unsigned long number, int depth);

#define STEP                                                                                       \
	if (depth == 0)                                                                            \
		kept_or_not(number);                                                               \
	else if (number >> (depth - 1) & 1)                                                        \
		left(number, depth - 1);                                                           \
	else                                                                                       \
		right(number, depth - 1);                                                          \
	TRUTH_STAY()

TRUTH_FRAME static void left(unsigned long number, int depth)
{
	STEP;
}

TRUTH_FRAME static void right(unsigned long number, int depth)
{
	STEP;
}

static void *brief(void *arg)
{
	return arg;
}

static void make_a_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, brief, NULL) != 0 || pthread_join(t, NULL) != 0)
		abort();
}

/* The child ends some of its parent's blocks: whether its books are right, its profile says. */
static void make_a_child(void)
{
	pid_t pid = fork();
	void *volatile mine;
	int status;

	if (pid == 0) {
		for (int i = 0; i < SHELF / 2; i++)
			free(shelf[i]);
		mine = malloc(SIZE);
		_exit(mine == NULL);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		abort();
	children++;
}

static void keep_pace(unsigned long n)
{
	uint64_t due = began + n * 1000000000u / per_second, now = truth_clock(CLOCK_MONOTONIC);
	struct timespec wait = {(time_t)((due - now) / 1000000000u),
				(long)((due - now) % 1000000000u)};

	if (due > now)
		nanosleep(&wait, NULL);
}

static pthread_barrier_t done, over;

static void *work(void *arg)
{
	unsigned long n;

	while ((n = next++) < stacks) {
		left(n, DEPTH);
		if (n % 64 == 0)
			keep_pace(n);
		if (n % 512 == 1)
			make_a_thread();
		if (n % 8192 == 2)
			make_a_child();
	}
	pthread_barrier_wait(&done);
	pthread_barrier_wait(&over);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	stacks = strtoul(argc > 1 ? argv[1] : "1000", NULL, 10);
	per_second = strtoul(argc > 2 ? argv[2] : "1000", NULL, 10);
	pthread_barrier_init(&done, NULL, THREADS + 1);
	pthread_barrier_init(&over, NULL, THREADS + 1);
	began = truth_clock(CLOCK_MONOTONIC);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, NULL) != 0)
			abort();
	pthread_barrier_wait(&done);
	truth_print("made", stacks);
	truth_print("alive", stacks - ended);
	truth_print("children", children);
	truth_print("threads", THREADS + 1);
	truth_print_cpu();
	truth_hold();
	pthread_barrier_wait(&over);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
