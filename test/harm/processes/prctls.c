// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: slow
// harm: within 40
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// What prctl() sets of a process and its threads, before and after work: names, dumpable, the
// signal of a parent's death, no new rights, timer slack, securebits, capabilities. A profiler that
// names its thread, becomes a subreaper or starts its helper from the wrong thread is seen here. We
// ask prctl() one thing in the target, and set nothing: this cannot fail.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static void *work(void *arg)
{
	for (int i = 0; i < 200; i++) {
		void *volatile block = malloc((size_t)i * 100);

		free(block);
	}
	truth_burn(30);
	return arg;
}

static void tell(const char *when)
{
	static const int options[] = {PR_GET_DUMPABLE,	   PR_GET_KEEPCAPS,    PR_GET_SECUREBITS,
				      PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP,     PR_GET_TIMERSLACK,
				      PR_GET_TIMING,	   PR_GET_THP_DISABLE, PR_MCE_KILL_GET,
				      PR_GET_IO_FLUSHER};
	char name[32] = "";
	int death = -1, reaper = -1;
	char line[256];
	FILE *status = fopen("/proc/self/status", "re");

	prctl(PR_GET_NAME, name);
	prctl(PR_GET_PDEATHSIG, &death);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("%s: %s, death %d, subreaper %d:", when, name, death, reaper);
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		printf(" %d", prctl(options[i], 0, 0, 0, 0));
	printf("\n");
	while (status && fgets(line, sizeof line, status))
		if (strncmp(line, "Cap", 3) == 0 || strncmp(line, "NoNew", 5) == 0 ||
		    strncmp(line, "Threads", 7) == 0)
			printf("%s", line);
	if (status)
		fclose(status);
	fflush(stdout);
}

static void *named(void *arg)
{
	prctl(PR_SET_NAME, arg);
	work(NULL);
	tell("thread");
	return NULL;
}

static volatile sig_atomic_t orphaned;

static void on_usr1(int signal)
{
	orphaned += signal == SIGUSR1;
}

/* The signal of a parent's death comes when it dies, not before, and once. */
static void deaths(void)
{
	int told[2], go[2], status;
	pid_t pid;
	char c = 0;

	HARM_UNLESS(pipe(told) == 0 && pipe(go) == 0, "no pipe");
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		pid = fork();
		if (pid == 0) {
			signal(SIGUSR1, on_usr1);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			work(NULL);
			c = (char)orphaned;
			HARM_UNLESS(write(told[1], &c, 1) == 1, "no word");
			while (!orphaned)
				truth_burn(1);
			work(NULL);
			c = (char)orphaned;
			_exit(write(told[1], &c, 1) == 1 ? 0 : 1);
		}
		_exit((int)read(go[0], &c, 1));
	}
	HARM_UNLESS(read(told[0], &c, 1) == 1, "no word");
	printf("before %d", c);
	fflush(stdout);
	close(go[1]);
	waitpid(pid, &status, 0);
	close(told[1]);
	HARM_UNLESS(read(told[0], &c, 1) == 1, "no word");
	printf(", after %d\n", c);
	close(told[0]);
	close(go[0]);
}

int main(void)
{
	pthread_t thread;

	work(NULL);
	tell("at first");
	prctl(PR_SET_NAME, "renamed");
	prctl(PR_SET_TIMERSLACK, 123456, 0, 0, 0);
	prctl(PR_SET_PDEATHSIG, SIGUSR2);
	HARM_UNLESS(pthread_create(&thread, NULL, named, (void *)"a thread") == 0, "no thread");
	pthread_join(thread, NULL);
	deaths();
	printf("dumpable %d, rights %d\n", prctl(PR_SET_DUMPABLE, 0, 0, 0, 0),
	       prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	work(NULL);
	HARM_UNLESS(pthread_create(&thread, NULL, named, (void *)"another") == 0, "no thread");
	pthread_join(thread, NULL);
	deaths();
	tell("at last");
	return 0;
}
