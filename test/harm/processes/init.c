/* init.c - the first process of a container, or a subreaper: whoever is orphaned becomes its child.
 * It counts what wait() and SIGCHLD bring; test/real/processes.py makes it one and compares. */
// harm: build -O1
// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define OWN 5

static pid_t known[2 * OWN];
static volatile sig_atomic_t nobodys;

/* Our children's numbers are known before they end: what comes besides is nobody's. */
static void ended(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	for (int i = 0; i < 2 * OWN; i++)
		if (known[i] == info->si_pid)
			return;
	nobodys++;
}

/* A child that leaves an orphan, which comes to us; both end when we know their numbers. */
static void family(int number)
{
	int told[2], go[2];
	pid_t pid;
	char c;

	HARM_UNLESS(pipe(told) == 0 && pipe(go) == 0, "no pipe");
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		pid = fork();
		if (pid != 0 && write(told[1], &pid, sizeof pid) != sizeof pid)
			_exit(1);
		truth_burn(5); /* a tick's time: it is recorded, and finds the uploader */
		while (read(go[0], &c, 1) > 0)
			;
		usleep(pid ? 0 : 20000);
		_exit(number + (pid ? 10 : 20));
	}
	known[2 * number] = pid;
	HARM_UNLESS(read(told[0], &known[2 * number + 1], sizeof pid) == sizeof pid, "no number");
	for (int i = 0; i < 2; i++) {
		close(told[i]);
		close(go[i]);
	}
}

/* What every way to ask says when there is nobody left. */
static void ask(const char *when)
{
	siginfo_t info;
	int status;

	printf("%s:", when);
	errno = 0;
	printf(" waitpid %d", waitpid(-1, &status, WNOHANG));
	printf(" %d", errno);
	errno = 0;
	printf(", waitid %d", waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG));
	printf(" %d", errno);
	errno = 0;
	printf(", group %d", waitpid(0, &status, WNOHANG));
	printf(" %d, nobody's %d\n", errno, (int)nobodys);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct sigaction action;
	int status, reaper = 0, sum = 0, count = 0;

	memset(&action, 0, sizeof action);
	action.sa_sigaction = ended;
	action.sa_flags = SA_SIGINFO | SA_RESTART;
	sigaction(SIGCHLD, &action, NULL);
	prctl(PR_GET_CHILD_SUBREAPER, &reaper);
	printf("process 1: %d, subreaper: %d\n", getpid() == 1, reaper);
	ask("at first");
	for (int i = 0; i < OWN; i++)
		family(i);
	truth_burn(100);
	while (wait(&status) > 0) {
		sum += WEXITSTATUS(status);
		count++;
	}
	printf("waited for %d, sum %d, errno %d\n", count, sum, errno);
	fflush(stdout);
	ask("waited");
	/* As many seconds, mostly asleep. */
	for (int i = 0; i < (argc > 1 ? atoi(argv[1]) * 10 : 1); i++) {
		truth_burn(argc > 1 ? 5 : 200);
		usleep(argc > 1 ? 95000 : 0);
	}
	ask("at last");
	return 7;
}
