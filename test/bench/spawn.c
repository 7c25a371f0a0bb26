/* spawn.c - what it costs to begin and to end: exec, fork, threads. Prints the
 * microseconds of CPU time, and of the clock, that one round took. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cpu.h"

static void execs(void)
{
	char *command[] = {(char *)"/bin/true", NULL};
	pid_t child;

	if (posix_spawn(&child, command[0], NULL, NULL, command, environ) == 0)
		waitpid(child, NULL, 0);
}

static void forks(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	waitpid(child, NULL, 0);
}

static void *nothing(void *arg)
{
	return arg;
}

static void threads(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* spawn execs|forks|threads N */
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0;
	void (*one)(void) = strcmp(what, "execs") == 0	   ? execs
			    : strcmp(what, "forks") == 0   ? forks
			    : strcmp(what, "threads") == 0 ? threads
							   : NULL;
	uint64_t cpu, clock;

	if (n <= 0 || !one)
		return 2;
	cpu = cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN);
	clock = clock_ns();
	for (long i = 0; i < n; i++)
		one();
	clock = clock_ns() - clock;
	cpu = cpu_ns(RUSAGE_SELF) + cpu_ns(RUSAGE_CHILDREN) - cpu;
	printf("%.3f %.3f\n", (double)cpu / (double)n / 1000, (double)clock / (double)n / 1000);
	return 0;
}
