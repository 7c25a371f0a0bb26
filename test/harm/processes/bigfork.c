// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread fork CONPROF_CPU_TIMER=thread
// harm: run itimer fork CONPROF_CPU_TIMER=itimer
// harm: run raw clone CONPROF_CPU_TIMER=thread
// harm: within 150
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Forks with the page tables of 8 GB to be copied, which takes a hundred ticks; two threads at the
// same time. Until Linux 4.18 the kernel began a fork again when a signal had come meanwhile: under
// a profiler's ticks it never ended. Since then it delays the signal, and this cannot fail; before,
// it hangs when before() of life/fork.c does not block ours. Judged by CPU time: with all signals
// blocked a fork must cost about the same. (The pages are all the zero page: 16 MB of tables.)
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define GB	((size_t)1 << 30)
#define THREADS 2
#define FORKS	2

static const char *way;

static void grow(void)
{
	size_t size = 8 * GB;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	HARM_UNLESS(map != MAP_FAILED, "no room");
	madvise(map, size, MADV_NOHUGEPAGE);
	if (madvise(map, size, 22 /* MADV_POPULATE_READ */) != 0)
		for (size_t i = 0; i < size; i += 4096)
			(void)*(volatile char *)(map + i);
	*(volatile char *)map = 1; /* what nobody ever wrote to is not copied */
}

static pid_t one(void)
{
	struct clone_args args;

	if (strcmp(way, "fork") == 0)
		return fork();
	if (strcmp(way, "_Fork") == 0)
		return _Fork();
	if (strcmp(way, "clone") == 0)
		return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	memset(&args, 0, sizeof args);
	args.exit_signal = SIGCHLD;
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* CPU time of some forks. */
static uint64_t forks(void)
{
	uint64_t took = 0;
	int status;

	for (int i = 0; i < FORKS; i++) {
		uint64_t start = truth_clock(CLOCK_THREAD_CPUTIME_ID);
		pid_t pid = one();

		if (pid == 0)
			_exit(7);
		took += truth_clock(CLOCK_THREAD_CPUTIME_ID) - start;
		HARM_UNLESS(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == 7,
			    "child %d ended with %#x", i, (unsigned)status);
		truth_burn(5);
	}
	return took;
}

static void *work(void *arg)
{
	uint64_t all = ~UINT64_C(0), before, calm, ticked;

	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	calm = forks();
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	ticked = forks();
	truth_print("calm_ms", calm / 1000000);
	truth_print("ticked_ms", ticked / 1000000);
	HARM_UNLESS(ticked < 8 * calm, "forks cost %d times as much", (int)(ticked / calm));
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	way = argc > 1 ? argv[1] : "fork";
	grow();
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, work, NULL) == 0, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
