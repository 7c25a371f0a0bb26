// harm: build -O2
// SPDX-License-Identifier: MIT
// Runs a program under a filter that was there before it: test/real/sandbox.py says which.
//   confine LISTED OTHERS NUMBER... -- PROGRAM ARGUMENT...
// LISTED and OTHERS: what becomes of the calls with these numbers, and of all others: allow, kill,
// trap, log, or an errno. With NUMBER negative it is not listed when its first argument is AF_UNIX.
// The library is to be found in CONFINED_PRELOAD, since it is for the program and not for this one.
// The filter is installed by an instruction of our own, which no front sees.
#include <signal.h>

#include "test/harm/harm.h"
#include "test/harm/limits/filter.h"

static uint32_t answer(const char *word)
{
	return strcmp(word, "allow") == 0  ? SECCOMP_RET_ALLOW
	       : strcmp(word, "kill") == 0 ? SECCOMP_RET_KILL_PROCESS
	       : strcmp(word, "trap") == 0 ? SECCOMP_RET_TRAP
	       : strcmp(word, "log") == 0  ? SECCOMP_RET_LOG
					   : SECCOMP_RET_ERRNO | (uint32_t)atoi(word);
}

static long install(struct sock_fprog *program)
{
	long result = SYS_seccomp;

#if defined(__x86_64__)
	__asm__ volatile("syscall"
			 : "+a"(result)
			 : "D"(SECCOMP_SET_MODE_FILTER), "S"(0), "d"(program)
			 : "rcx", "r11", "memory");
#else
	result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
#endif
	return result;
}

int main(int argc, char **argv)
{
	static struct filter f;
	long calls[FILTER_MAX];
	size_t n = 0;
	int at = 3;

	for (; at < argc && strcmp(argv[at], "--") != 0 && n < FILTER_MAX; at++)
		calls[n++] = atol(argv[at]);
	HARM_UNLESS(at + 1 < argc, "no program");
	if (geteuid() != 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	HARM_UNLESS(install(filter_make(&f, calls, n, answer(argv[1]), answer(argv[2]))) == 0,
		    "it was not installed: errno %d", errno);
	if (getenv("CONFINED_PRELOAD"))
		setenv("LD_PRELOAD", getenv("CONFINED_PRELOAD"), 1);
	unsetenv("CONFINED_PRELOAD");
	execv(argv[at + 1], argv + at + 1);
	return 126;
}
