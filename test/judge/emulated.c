/* emulated.c - work for the other machine: deep calls without frame pointers, threads, blocks, a
 * handler. */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define AROUND __attribute__((noinline))

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

AROUND static double burn(int n)
{
	volatile double x = 1;

	for (int i = 0; i < n; i++)
		x = x * 1.0000001 + 1;
	return x;
}

AROUND static double deep(int n, int depth)
{
	volatile double x = depth ? deep(n, depth - 1) : burn(n);

	return x + 1;
}

AROUND static void on_signal(int sig)
{
	double until = cpu_s() + 0.3;

	(void)sig;
	while (cpu_s() < until)
		burn(1000);
}

AROUND static void *in_thread(void *arg)
{
	double until = cpu_s() + 0.5;

	while (cpu_s() < until)
		deep(20000, 10);
	return arg;
}

AROUND static void *allocate(size_t n)
{
	void *volatile block = malloc(n);

	return block;
}

int main(void)
{
	pthread_t thread;

	signal(SIGUSR1, on_signal);
	pthread_create(&thread, NULL, in_thread, NULL);
	in_thread(NULL);
	pthread_join(thread, NULL);
	raise(SIGUSR1);
	for (int i = 0; i < 20000; i++)
		free(allocate(5000));
	puts("done");
	return 0;
}
