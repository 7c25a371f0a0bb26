// harm: with CONPROF_CPU_PROFILERATE=4000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 60
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Two hundred processes end while all their threads are at work, each way in turn. A tick that
// comes when its handler is gone ends the process with 155: so it does when life/exit.c puts the
// default action back.
#include <pthread.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static void at_exit(void)
{
	truth_burn(1);
}

static void *work(void *arg)
{
	for (;;) {
		void *volatile block = malloc(1000);

		truth_burn(1);
		free(block);
	}
	return arg;
}

static void *leave(void *arg)
{
	truth_burn(3);
	exit(*(int *)arg);
}

/* Ends with the number it was given: by return, or by a thread's exit, or with the last thread. */
static int end(int number)
{
	pthread_t thread;
	int code = number;

	atexit(at_exit);
	for (int i = 0; i < 6; i++)
		HARM_UNLESS(pthread_create(&thread, NULL, work, NULL) == 0, "no thread");
	if (number % 3 == 0) {
		truth_burn(3);
		return code;
	}
	HARM_UNLESS(pthread_create(&thread, NULL, leave, &code) == 0, "no thread");
	if (number % 3 == 1)
		work(NULL);
	pthread_join(thread, NULL);
	return 1;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1)
		return end(atoi(argv[1]));
	for (int i = 0; i < 200; i++) {
		char number[16];
		pid_t pid = fork();

		snprintf(number, sizeof number, "%d", i % 100);
		if (pid == 0) {
			execl(argv[0], argv[0], number, (char *)NULL);
			_exit(127);
		}
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == i % 100,
			    "child %d ended with %#x", i, (unsigned)status);
	}
	return 0;
}
