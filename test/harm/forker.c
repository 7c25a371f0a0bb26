// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512 CONPROF_PERIOD=2
// harm: within 90
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Forks 500 times while other threads unwind all the time: what they hold in the moment of the fork
// is held in the child for ever. Each child allocates, burns CPU time, starts a thread and ends. It
// hangs when before() of life/fork.c waits for nobody (no PATIENCE), and in_child leaves out
// cp_unwind_forked, cp_modules_forked and the emptied scratch.
#include <pthread.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define FORKS 500

static int stop;

TRUTH_FRAME static void deep(int n)
{
	void *volatile block = malloc(600);

	if (n)
		deep(n - 1);
	free(block);
	TRUTH_STAY();
}

static void *unwound(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		deep(30);
	return arg;
}

static void *once(void *arg)
{
	deep(10);
	return arg;
}

static void child(void)
{
	pthread_t thread;

	deep(30);
	truth_burn(2);
	HARM_UNLESS(pthread_create(&thread, NULL, once, NULL) == 0, "no thread in the child");
	pthread_join(thread, NULL);
	_exit(7);
}

int main(void)
{
	pthread_t threads[3];
	int status;

	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, unwound, NULL) == 0, "no thread");
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			child();
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == 7,
			    "child %d ended with %#x", i, (unsigned)status);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
