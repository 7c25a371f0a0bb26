/* growth.c - a program of so many threads, stacks, blocks or processes, which says "ready" and
 * waits: what is added to its memory is read from outside (test/run/memory.py,
 * test/bench/table_80_growth.py). */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *volatile last[64];
static int gate[2];

static void spend(long ms)
{
	struct timespec t;

	do {
		for (volatile int i = 0; i < 10000; i++)
			;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	} while (t.tv_sec * 1000 + t.tv_nsec / 1000000 < ms);
}

static void wait_for_the_end(void)
{
	char byte;

	while (read(gate[0], &byte, 1) > 0)
		;
}

static void churn(long bytes)
{
	for (long i = 0; i < bytes; i += 1024) {
		free(last[i / 1024 % 64]);
		last[i / 1024 % 64] = malloc(1024);
	}
}

/* A stack of its own for each number: 100 frames that all have, and 20 by its bits. */
static void right(unsigned number, int depth);

static void left(unsigned number, int depth)
{
	if (depth == 0) {
		free(last[number % 64]);
		last[number % 64] = malloc(64);
	} else if (number >> (depth % 20) & 1) {
		left(number, depth - 1);
	} else {
		right(number, depth - 1);
	}
	__asm__ volatile("" ::: "memory");
}

static void right(unsigned number, int depth)
{
	if (depth == 0) {
		free(last[number % 64]);
		last[number % 64] = malloc(64);
	} else if (number >> (depth % 20) & 1) {
		left(number, depth - 1);
	} else {
		right(number, depth - 1);
	}
	__asm__ volatile("" ::: "memory");
}

static void stacks(long n)
{
	for (long i = 0; i < n; i++)
		left((unsigned)i * 2654435761u, 120);
}

static void processes(long n)
{
	for (long i = 0; i < n; i++)
		if (fork() == 0) {
			close(gate[1]);
			churn(16 << 20);
			spend(30);
			wait_for_the_end();
			_exit(0);
		}
}

static void *thread(void *unused)
{
	void *mine[64] = {NULL};

	for (int i = 0; i < 1024; i++) {
		free(mine[i % 64]);
		mine[i % 64] = malloc(1024);
	}
	pause();
	return unused;
}

static void threads(long n)
{
	pthread_t t;

	for (long i = 0; i < n; i++)
		if (pthread_create(&t, NULL, thread, NULL) != 0)
			abort();
	sleep(1);
}

static void blocks(long n)
{
	for (long i = 0; i < n; i++)
		last[i % 64] = malloc(1024);
}

/* One after another, each allocating enough to be recorded. */
static void executed(long n)
{
	for (long i = 0; i < n; i++) {
		pid_t child = fork();

		if (child == 0) {
			churn(2 << 20);
			execl("/bin/true", "true", (char *)NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*work)(long);
	} kinds[] = {{"threads", threads},
		     {"stacks", stacks},
		     {"blocks", blocks},
		     {"processes", processes},
		     {"executed", executed}};
	char byte;

	if (pipe(gate) != 0)
		return 1;
	for (int i = 1; i + 1 < argc; i += 2)
		for (unsigned k = 0; k < sizeof kinds / sizeof *kinds; k++)
			if (strcmp(argv[i], kinds[k].name) == 0)
				kinds[k].work(atol(argv[i + 1]));
	puts("ready");
	fflush(stdout);
	while (read(0, &byte, 1) > 0)
		;
	return 0;
}
