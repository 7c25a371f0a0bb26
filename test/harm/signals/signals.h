/* signals.h - what the programs about signals share: how a mask, a handler and a status look. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "test/harm/harm.h"

/* Whether SIGPROF is shared: the process's timer serves, so what the kernel shows of SIGPROF is not
 * the application's alone. */
static inline int signals_shared(void)
{
	const char *timer = getenv("CONPROF_CPU_TIMER");

	return timer && strcmp(timer, "itimer") == 0;
}

/* All 64 bits, as the kernel has them. */
static inline uint64_t signals_bits(const sigset_t *set)
{
	uint64_t bits;

	memcpy(&bits, set, sizeof bits);
	return bits;
}

/* A line of hexadecimal digits in a thread's status. */
static inline uint64_t signals_status(const char *field)
{
	char path[64], line[256];
	unsigned long long value = 0;
	size_t len = strlen(field);
	FILE *file;
	int found = 0;

	snprintf(path, sizeof path, "/proc/self/task/%ld/status", syscall(SYS_gettid));
	file = fopen(path, "r");
	while (file && fgets(line, sizeof line, file))
		if (strncmp(line, field, len) == 0 && line[len] == ':')
			found = sscanf(line + len + 1, "%llx", &value) == 1;
	HARM_UNLESS(file && fclose(file) == 0 && found, "no %s in the status", field);
	return value;
}

/* What a process can see of its masks and handlers in /proc. Whether it, or the child it becomes,
 * has a handler for libc's signal 33 or ignores it, is not for anybody to know. */
static inline void signals_show(const char *who)
{
	uint64_t shared = signals_shared() ? UINT64_C(1) << (SIGPROF - 1) : 0;
	uint64_t handled = shared | UINT64_C(1) << 32;
	const struct {
		const char *name;
		uint64_t hidden;
	} fields[] = {{"SigBlk", 0},
		      {"SigPnd", shared},
		      {"ShdPnd", shared},
		      {"SigIgn", handled},
		      {"SigCgt", handled}};

	printf("%s:", who);
	for (int i = 0; i < 5; i++)
		printf(" %s %llx", fields[i].name,
		       (unsigned long long)(signals_status(fields[i].name) & ~fields[i].hidden));
	printf("\n");
	fflush(stdout);
}

static inline void signals_block_all(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	HARM_UNLESS(pthread_sigmask(SIG_SETMASK, &all, before) == 0, "no mask");
}
