/* depth.c - a sampled allocation, or a tick, so many frames deep. Prints ns of CPU time of one. */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu.h"

/* What the kernel's own rt_sigaction takes: the library shows the application only its own world.
 */
struct kernel_action {
	void (*handler)(int, siginfo_t *, void *);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

/* The signal of the library's ticks (preload/signal/reserved.h). */
#define CP_TICK_SIGNAL 33

static struct kernel_action ticker;
static siginfo_t tick_info;
static volatile sig_atomic_t ticked;
static void *volatile keep;

static void pairs(long n)
{
	for (long i = 0; i < n; i++) {
		keep = malloc(64 + (size_t)(i & 7) * 8);
		free(keep);
	}
}

/* The real handler on the tick that was caught, from this depth. */
static void ticks(long n)
{
	ucontext_t here;

	getcontext(&here);
	for (long i = 0; i < n; i++)
		ticker.handler(CP_TICK_SIGNAL, &tick_info, &here);
}

__attribute__((noinline)) static void deep(long depth, void (*work)(long), long n)
{
	if (depth > 1)
		deep(depth - 1, work, n);
	else
		work(n);
	__asm__ volatile("" ::: "memory");
}

static void catch_one(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)uc;
	if (!ticked)
		tick_info = *info;
	ticked = 1;
}

/* Burns until one of the library's ticks has been caught, then puts its handler back. 0: none came.
 */
static int catch_tick(void)
{
	struct kernel_action mine;
	uint64_t end = cpu_ns(RUSAGE_SELF) + UINT64_C(2000000000);

	syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, NULL, &ticker, sizeof ticker.mask);
	if ((uintptr_t)ticker.handler < 4096)
		return 0;
	mine = ticker;
	mine.handler = catch_one;
	syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, &mine, NULL, sizeof mine.mask);
	while (!ticked && cpu_ns(RUSAGE_SELF) < end)
		;
	syscall(SYS_rt_sigaction, CP_TICK_SIGNAL, &ticker, NULL, sizeof ticker.mask);
	return ticked;
}

/* depth pairs|ticks DEPTH N */
int main(int argc, char **argv)
{
	long depth = argc > 3 ? atol(argv[2]) : 0, n = argc > 3 ? atol(argv[3]) : 0;
	void (*work)(long) = argc > 1 && strcmp(argv[1], "ticks") == 0 ? ticks : pairs;
	uint64_t before;

	if (depth <= 0 || n <= 0)
		return 2;
	if (work == ticks && !catch_tick()) {
		fprintf(stderr, "depth: no tick came\n");
		return 3;
	}
	deep(depth, work, n / 10);
	before = cpu_ns(RUSAGE_SELF);
	deep(depth, work, n);
	printf("%.2f\n", (double)(cpu_ns(RUSAGE_SELF) - before) / (double)n);
	return 0;
}
