// harm: slow
// harm: with CONPROF_PROFILE_TYPES=heap CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: within 100
// harm: exit 0
// SPDX-License-Identifier: MIT
// What a free costs after many is what it cost at first: counted in machine instructions, by a
// parent that steps through them. It fails for a table with tombstones, which fills up with them,
// until each look-up goes through all of it.
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define PAGES 40
#define LIVE  20000

static void *volatile live[LIVE];

/* Frees of blocks that look as if they had been sampled, between two stops. */
TRUTH_FRAME static void measured(void)
{
	void *block[PAGES];

	for (int i = 0; i < PAGES; i++)
		HARM_UNLESS(posix_memalign(&block[i], 4096, 100) == 0, "no memory");
	raise(SIGSTOP);
	for (int i = 0; i < PAGES; i++)
		free(block[i]);
	raise(SIGSTOP);
}

TRUTH_FRAME static void much(long rounds)
{
	unsigned seed = 3;

	for (long i = 0; i < rounds; i++) {
		void *volatile *at = &live[rand_r(&seed) % LIVE];

		free(*at);
		*at = malloc(400);
	}
}

static void child(void)
{
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	much(LIVE * 8);
	measured();
	measured();
	much(20000000);
	measured();
	_exit(0);
}

static void until_stopped(pid_t pid, enum __ptrace_request how)
{
	int status;

	do {
		ptrace(how, pid, 0, 0);
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "ended: %#x",
			    (unsigned)status);
	} while (WSTOPSIG(status) != SIGSTOP);
}

/* Instructions between two stops, those of raise() itself included. */
static long steps(pid_t pid)
{
	long n = 0;
	int status;

	until_stopped(pid, PTRACE_CONT);
	for (;; n++) {
		ptrace(PTRACE_SINGLESTEP, pid, 0, 0);
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "ended: %#x",
			    (unsigned)status);
		if (WSTOPSIG(status) == SIGSTOP)
			break;
	}
	return n;
}

int main(void)
{
	long first, late;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child();
	steps(pid); /* everything once */
	first = steps(pid);
	late = steps(pid);
	printf("%ld instructions for %d frees at first, %ld after many\n", first, PAGES, late);
	ptrace(PTRACE_CONT, pid, 0, 0);
	HARM_UNLESS(waitpid(pid, &status, 0) == pid && status == 0, "ended with %#x",
		    (unsigned)status);
	HARM_UNLESS(late < first + first / 4 + 400, "frees cost more");
	free(malloc(100));
	return 0;
}
