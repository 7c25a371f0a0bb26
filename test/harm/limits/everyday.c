// harm: same
// harm: exit 3
// SPDX-License-Identifier: MIT
// What a program does every day: work, memory, threads, children. test/real/sandbox.py runs it
// under limits and in sandboxes, where a careless profiler takes what little there is, or is killed
// for a call that the program itself does not make. What could not be had is printed.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static uint64_t sum;

TRUTH_FRAME static void memory(size_t n)
{
	unsigned char *volatile blocks[64];

	for (size_t i = 0; i < 64; i++) {
		blocks[i] = malloc(n + i);
		if (blocks[i])
			memset(blocks[i], (int)i, n + i);
	}
	for (size_t i = 0; i < 64; i++) {
		sum += blocks[i] ? blocks[i][n / 2] : 1000;
		free(blocks[i]);
	}
	TRUTH_STAY();
}

static void *thread(void *arg)
{
	(void)arg;
	truth_burn(15);
	return malloc(100);
}

static void threads(void)
{
	pthread_t made[4];
	int failed[4];

	for (int i = 0; i < 4; i++)
		failed[i] = pthread_create(&made[i], NULL, thread, NULL);
	for (int i = 0; i < 4; i++) {
		void *block = NULL;

		if (!failed[i])
			pthread_join(made[i], &block);
		printf("thread %d: %s, %s\n", i, strerror(failed[i]), block ? "a block" : "none");
		free(block);
	}
}

static void child(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		truth_burn(20);
		for (int i = 0; i < 50; i++)
			memory(1000);
		_exit(7);
	}
	if (pid < 0)
		printf("no child: %s\n", strerror(errno));
	else if (waitpid(pid, &status, 0) == pid)
		printf("child: %#x\n", (unsigned)status);
}

/* As much as there is. */
static int greedy(void)
{
	uint64_t blocks = 0;

	while (blocks < 100000 && malloc(64 * 1024))
		blocks++;
	truth_print("blocks", blocks);
	return 3;
}

static volatile sig_atomic_t came;

static void on_signal(int signal)
{
	came = signal;
}

/* The CPU limit's signal arrives, and nothing else does. */
static int limited(void)
{
	signal(SIGXCPU, on_signal);
	for (int i = 0; i < 40 && !came; i++)
		truth_burn(50);
	printf("signal %d\n", (int)came);
	return 3;
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "all";

	if (strcmp(how, "greedy") == 0)
		return greedy();
	if (strcmp(how, "limited") == 0)
		return limited();
	for (size_t n = 16; n < 20000; n *= 2) {
		memory(n);
		truth_burn(strcmp(how, "short") == 0 ? 1 : 5);
	}
	printf("sum %llu\n", (unsigned long long)sum);
	if (strcmp(how, "alone") != 0) {
		threads();
		child();
	}
	truth_burn(10);
	printf("done\n");
	return 3;
}
