/* steps.c - how many instructions a command executes between its first int3 and its second, and
 * between that and its third: counted by the processor's single step, so the program is the real
 * one. */
/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

/* How the stopped child goes on, until it stops or ends. Signals but SIGTRAP are passed on. */
static long go(pid_t child, int how, int *status)
{
	long sig = 0;

	for (;;) {
		if (ptrace(how, child, NULL, sig) || waitpid(child, status, 0) != child)
			return -1;
		if (!WIFSTOPPED(*status))
			return 0;
		if (WSTOPSIG(*status) == SIGTRAP)
			return 1;
		sig = WSTOPSIG(*status);
	}
}

/* Whether the trap is an int3 and not a step. */
static int marked(pid_t child)
{
	siginfo_t info;

	return ptrace(PTRACE_GETSIGINFO, child, NULL, &info) == 0 && info.si_code == SI_KERNEL;
}

int main(int argc, char **argv)
{
	pid_t child = argc > 1 ? fork() : -1;
	int status;

	if (child == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child ||
	    go(child, PTRACE_CONT, &status) != 1)
		return 1;
	for (int part = 0; part < 2; part++) {
		long count = 0;

		do {
			if (go(child, PTRACE_SINGLESTEP, &status) != 1)
				return 1;
			count++;
		} while (!marked(child));
		printf("%ld\n", count);
	}
	ptrace(PTRACE_KILL, child, NULL, NULL);
	return 0;
}
