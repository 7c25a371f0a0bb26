// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: cpu in_child = printed burnt_ns +-25%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Children of _Fork() and of a raw clone, which no fork handler sees, allocate and burn CPU time:
// they are profiled like others. One that is made without handlers (CLONE_CLEAR_SIGHAND) must live:
// a tick would end it with 155 or 161. It ends so when know_yourself of signal/adopt.c does not
// look for the handlers, and nothing is found of the others when it does not forget the parent's
// timer.
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define MS	 60
#define CHILDREN 6

TRUTH_FRAME static void in_child(void)
{
	truth_burn(MS);
	TRUTH_STAY();
}

TRUTH_FRAME static void unseen(void)
{
	truth_burn(MS);
	TRUTH_STAY();
}

/* The event that wakes the library up in a child that it has not heard of. */
static void allocate(void)
{
	for (int i = 0; i < 8; i++) {
		void *volatile block = malloc(2000000);

		free(block);
	}
}

static pid_t bare(void)
{
	struct clone_args args;

	memset(&args, 0, sizeof args);
	args.flags = CLONE_CLEAR_SIGHAND;
	args.exit_signal = SIGCHLD;
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static void ended(const char *what, pid_t pid)
{
	int status = 0;

	HARM_UNLESS(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			WEXITSTATUS(status) == 7,
		    "%s: the child ended with %#x", what, (unsigned)status);
}

int main(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid =
		    i % 2 ? _Fork() : (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);

		if (pid == 0) {
			allocate();
			in_child();
			_exit(7);
		}
		ended(i % 2 ? "_Fork" : "clone", pid);
		pid = bare();
		if (pid == 0) {
			allocate();
			unseen();
			_exit(7);
		}
		ended("no handlers", pid);
	}
	truth_print("burnt_ns", UINT64_C(1000000) * MS * CHILDREN);
	return 0;
}
