/* work.c - the loops that the bench measures; prints the ns of CPU time that one round of them
 * took. */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

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
static size_t block = 64;

static uint64_t cpu_ns(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

static void pairs(long n)
{
	for (long i = 0; i < n; i++) {
		keep = malloc(block + (size_t)(i & 7) * 8);
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

static void execs(long n)
{
	char *command[] = {(char *)"/bin/true", NULL};
	pid_t child;

	for (long i = 0; i < n; i++)
		if (posix_spawn(&child, command[0], NULL, NULL, command, environ) == 0)
			waitpid(child, NULL, 0);
}

/* work pairs SIZE N | deep DEPTH N | ticks DEPTH N | execs N | hold */
int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long depth = argc > 3 ? atol(argv[2]) : 1, n = argc > 2 ? atol(argv[argc - 1]) : 0;
	int who = strcmp(what, "execs") == 0 ? RUSAGE_CHILDREN : RUSAGE_SELF;
	uint64_t before;

	if (strcmp(what, "hold") == 0) {
		pairs(100000);
		return read(0, &n, 1) < 0;
	}
	if (n <= 0)
		return 2;
	if (strcmp(what, "ticks") == 0 && !catch_tick()) {
		fprintf(stderr, "work: no tick came\n");
		return 3;
	}
	if (strcmp(what, "pairs") == 0) {
		block = (size_t)depth;
		depth = 1;
	}
	before = cpu_ns(who);
	if (who == RUSAGE_CHILDREN)
		execs(n);
	else
		deep(depth, strcmp(what, "ticks") == 0 ? ticks : pairs, n);
	printf("%.2f\n", (double)(cpu_ns(who) - before) / (double)n);
	return 0;
}
