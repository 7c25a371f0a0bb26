// harm: slow
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 50
// harm: exit 42
// SPDX-License-Identifier: MIT
// A busy process becomes a static program, which knows no handler: a timer or a signal that
// outlives the image would end it with "Profiling timer expired". It does under itimer when
// prepare() in hook/exec.c leaves the timer running.
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define CHILDREN 12

static char stranger[4096];

static void *burn(void *arg)
{
	for (;;)
		truth_burn(1000);
	return arg;
}

/* With other threads at full speed, under their ticks. */
static void become(void)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, burn, NULL) == 0, "no thread");
	truth_burn(20);
	execl(stranger, "stranger", (char *)NULL);
	HARM_UNLESS(0, "no exec of %s", stranger);
}

int main(int argc, char **argv)
{
	int status;

	(void)argc;
	snprintf(stranger, sizeof stranger, "%.*s/stranger", (int)(strrchr(argv[0], '/') - argv[0]),
		 argv[0]);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (pid == 0)
			become();
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == 42,
			    "a child ended with %#x", (unsigned)status);
	}
	become();
	return 1;
}
