// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 150
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Ten thousand forks from four threads that allocate meanwhile; each child allocates, frees what
// its parent had allocated, and ends. A profiler whose lock is held by another thread in that
// moment leaves it locked in the child for ever. We have none but libunwind's, which before() of
// life/fork.c waits for: forker.c shows that; here fork and malloc meet as often as can be.
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define THREADS 4
#define FORKS	2500

static void *kept[THREADS][16];

TRUTH_FRAME static void allocate(void **blocks, int n, unsigned seed)
{
	for (int i = 0; i < n; i++) {
		size_t size = 100 + (seed + (unsigned)i) * 7919u % 3000;

		blocks[i] = malloc(size);
		HARM_UNLESS(blocks[i], "no memory");
		memset(blocks[i], i, size < 200 ? size : 200);
	}
	TRUTH_STAY();
}

static void release(void **blocks, int n)
{
	for (int i = 0; i < n; i++)
		free(blocks[i]);
}

static void child(int thread, unsigned seed)
{
	void *blocks[32];

	allocate(blocks, 32, seed);
	release(kept[thread], 16);
	release(blocks, 32);
	_exit((int)(seed % 100));
}

static void *storm(void *arg)
{
	int thread = (int)(intptr_t)arg, status;

	for (unsigned i = 0; i < FORKS; i++) {
		pid_t pid;

		allocate(kept[thread], 16, i);
		pid = fork();
		if (pid == 0)
			child(thread, i);
		release(kept[thread], 16);
		HARM_UNLESS(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == (int)(i % 100),
			    "child %u of thread %d ended with %#x", i, thread, (unsigned)status);
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, storm, (void *)(intptr_t)i) == 0,
			    "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
