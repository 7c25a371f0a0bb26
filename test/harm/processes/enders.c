// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 240
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// A thousand processes end while their threads work: by return, exit in a thread, quick_exit,
// _exit, abort, a signal, the last thread's end after pthread_exit of the first, and exit from
// several threads at once. None may end with 155 or 161 (a tick without a handler), or not at all.
// It fails when life/exit.c puts the default action back.
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define ROUNDS 1000
#define WAYS   8

static int way;

static void at_exit(void)
{
	truth_burn(1);
}

static void *work(void *arg)
{
	uint64_t end = truth_clock(CLOCK_MONOTONIC) + 20000000000ull;

	while (truth_clock(CLOCK_MONOTONIC) < end) {
		void *volatile block = malloc(1000);

		truth_burn(1);
		free(block);
	}
	_exit(99);
	return arg;
}

static void *leave(void *arg)
{
	truth_burn(2);
	switch (way) {
	case 1:
	case 2:
		exit(way);
	case 3:
		quick_exit(way);
	case 4:
		_exit(way);
	case 5:
		abort();
	case 6:
		kill(getpid(), SIGTERM);
		pause();
		break;
	default:
		break;
	}
	return arg;
}

static int child(void)
{
	pthread_t thread;

	atexit(at_exit);
	at_quick_exit(at_exit);
	for (int i = 0; i < 2 && way != 7; i++)
		HARM_UNLESS(pthread_create(&thread, NULL, work, NULL) == 0, "no thread");
	for (int i = 0; i < 2 && way != 0; i++)
		HARM_UNLESS(pthread_create(&thread, NULL, leave, NULL) == 0, "no thread");
	if (way == 7)
		pthread_exit(NULL); /* and the others end: the process is over with the last */
	truth_burn(2);
	if (way == 0)
		return 0;
	work(NULL);
	return 98;
}

static int right(int status)
{
	if (way == 5)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
	if (way == 6)
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	return WIFEXITED(status) && WEXITSTATUS(status) == (way == 7 ? 0 : way);
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};
	int status = 0;

	setrlimit(RLIMIT_CORE, &none);
	if (argc > 1) {
		way = atoi(argv[1]);
		return child();
	}
	for (int i = 0; i < ROUNDS; i++) {
		char number[16];
		pid_t pid;

		way = i % WAYS;
		snprintf(number, sizeof number, "%d", way);
		pid = fork();
		if (pid == 0 && i / WAYS % 4 == 0)
			execl(argv[0], argv[0], number, (char *)NULL);
		if (pid == 0)
			exit(child());
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && right(status),
			    "child %d, way %d, ended with %#x", i, way, (unsigned)status);
	}
	return 0;
}
