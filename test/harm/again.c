// harm: slow
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 50
// harm: exit 42
// SPDX-License-Identifier: MIT
// Executes itself 300 times at full speed: a signal that is on its way when the image changes ends
// the next one, whose handler is not there yet. It does when cp_tick_before_exec of signal/tick.c
// does nothing and prepare() in hook/exec.c leaves the timer running.
#include <pthread.h>

#include "test/harm/harm.h"

static void *burn(void *arg)
{
	for (;;)
		truth_burn(1000);
	return arg;
}

int main(int argc, char **argv)
{
	int left = argc > 1 ? atoi(argv[1]) : 300;
	pthread_t thread;
	char next[16];

	if (left == 0)
		return 42;
	HARM_UNLESS(pthread_create(&thread, NULL, burn, NULL) == 0, "no thread");
	truth_burn(2);
	snprintf(next, sizeof next, "%d", left - 1);
	execl(argv[0], argv[0], next, (char *)NULL);
	return 1;
}
