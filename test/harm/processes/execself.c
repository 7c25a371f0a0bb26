// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_PERIOD=5
// harm: run thread 300 CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 240
// harm: slow
// harm: same
// harm: exit 9
// SPDX-License-Identifier: MIT
// A program that becomes itself a thousand times, in main() and under load, as a reloading server
// does. Descriptors, mappings or pending signals that survive would add up, and its environment
// must come through as it was. Under itimer a tick ends it when prepare() of hook/exec.c leaves the
// timer on: in the new image nobody expects it yet.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "test/harm/harm.h"

static void *burn(void *arg)
{
	for (;;)
		truth_burn(1000);
	return arg;
}

static void tell(int left)
{
	sigset_t pending, mask;
	int fds = 0;

	for (int fd = 0; fd < 256; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	sigpending(&pending);
	sigprocmask(SIG_SETMASK, NULL, &mask);
	printf("%d: descriptors %d, pending %d, blocked %d, alarm %d, HOME %d\n", left, fds,
	       sigismember(&pending, SIGPROF), sigismember(&mask, SIGPROF), (int)alarm(0),
	       getenv("HOME") != NULL);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 1000;
	char number[16];
	pthread_t thread;

	if (left % 100 == 0)
		tell(left);
	if (left == 0)
		return 9;
	/* Half of them at once, the others out of a busy process. */
	if (left % 2) {
		HARM_UNLESS(pthread_create(&thread, NULL, burn, NULL) == 0, "no thread");
		truth_burn(3);
	}
	snprintf(number, sizeof number, "%d", left - 1);
	execl("/proc/self/exe", argv[0], number, (char *)NULL);
	return 1;
}
