/* sandbox.c - filters and limits that were there before us: found out without being hurt. */
/* SPDX-License-Identifier: MIT */
#include "life/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life/home.h"
#include "life/settings.h"
#include "signal/filter.h"
#include "signal/state.h"

#define STACK_SIZE (32 * 1024)
#define SPINS	   10000000 /* some milliseconds; an alarm takes microseconds */

/* libc's own name for it: `sigaction` is the application's door (hook/signals.c). */
extern int __sigaction(int sig, const struct sigaction *action, struct sigaction *before);

/* ---- filters ---- */

/* By reading, since prctl() might be what the filter kills for; to the end, since who is in
 * hundreds of groups has a long list of them before this line. A kernel without filters has no such
 * line. Where there is no /proc: maybe. */
static int may_be_filtered(void)
{
	static const char status[] = "/proc/self/status";

	if (cp_life_file_has(status, "\nSeccomp:\t0"))
		return 0;
	return cp_life_file_has(status, "\nSeccomp:\t") || !cp_life_file_has(status, "\nPid:\t");
}

/* Shared with the child. */
struct trial {
	volatile uint32_t tried;   /* calls that did not kill it */
	volatile uint32_t refused; /* one that is needed and was answered by an errno, + 1 */
};

/* The table's arguments make a call fail with one of these, or succeed. */
static int is_own_fault(int error)
{
	return error == EFAULT || error == EINVAL;
}

static volatile sig_atomic_t came; /* in the child alone */

static void on_alarm(int sig)
{
	came = sig;
}

/* The return from a handler, rt_sigreturn, can't be called, only come to. */
static void return_once(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval soon = {.it_value = {0, 1}};
	uint64_t mask = UINT64_C(1) << (SIGALRM - 1);

	if (__sigaction(SIGALRM, &action, NULL) != 0)
		return;
	syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
	if (syscall(SYS_setitimer, ITIMER_REAL, &soon, NULL) == 0)
		for (int i = 0; i < SPINS && !came; i++)
			;
}

/* In a child, which is there to be killed. Without a core: it is not the program that has failed.
 */
static int try_all(void *arg)
{
	struct trial *t = arg;

	syscall(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0, 0);
	for (uint32_t i = 0; i < cp_calls_count; i++) {
		const struct cp_call *c = &cp_calls[i];
		const uint64_t *a = c->args;

		t->tried = i;
		if (c->number == SYS_rt_sigreturn)
			return_once();
		else if (c->number != SYS_exit &&
			 syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5]) == -1 &&
			 c->group == CP_CALL_EVENT && !c->may_fail && !is_own_fault(errno) &&
			 !t->refused)
			t->refused = i + 1;
	}
	t->tried = (uint32_t)cp_calls_count;
	return 0;
}

/* How many calls of the table the settings and the log need: they stand first. */
static uint32_t to_log(void)
{
	uint32_t n = 0;

	while (n < cp_calls_count && strcmp(cp_calls[n].name, "close") != 0)
		n++;
	return n + 1;
}

/* The child has a copy of our memory: should it dump core, older kernels would end whoever shares
 * it. It is as invisible as the uploader's (signal/launch.c). That clone itself may be made is
 * believed. */
static const char *tried(struct trial *t, char *stack, int *silent)
{
	int status;
	pid_t child = clone(try_all, stack + STACK_SIZE, CLONE_VFORK, t);

	*silent = 1;
	if (child < 0)
		return "clone";
	if (t->tried > 0) /* wait4 is the first */
		syscall(SYS_wait4, child, &status, __WCLONE, NULL);
	*silent = t->tried < to_log();
	if (t->tried < cp_calls_count)
		return cp_calls[t->tried].name;
	return t->refused ? cp_calls[t->refused - 1].name : NULL;
}

const char *cp_sandbox_refuses(int *silent)
{
	size_t size = 4096 + STACK_SIZE;
	const char *why;
	char *page;

	*silent = 0;
	if (!may_be_filtered())
		return NULL;
	cp_state.filtered = 1;
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return "mmap";
	why = tried((struct trial *)page, page + 4096, silent);
	munmap(page, size);
	return why;
}

/* ---- limits ---- */

/* Of address space that is left we take this share at most: what the program asks for, it shall
 * get. */
#define SHARE 32
#define MIB   (UINT64_C(1) << 20)
#define FULL  (32 * MIB) /* a recording, the table of live blocks, libunwind, ourselves */
#define SMALL (8 * MIB)
#define TASKS 3 /* the uploader and its threads, where it has to be started */

static uint64_t limit(int which)
{
	struct rlimit it;

	if (syscall(SYS_prlimit64, 0, which, NULL, &it) != 0 || it.rlim_cur == RLIM_INFINITY)
		return UINT64_MAX;
	return it.rlim_cur;
}

/* The word number `n` of /proc/self/statm, in bytes; 0 if it can't be known. */
static uint64_t mapped(int n)
{
	char text[256], *at = text;
	uint64_t pages = 0;

	cp_home_read("/proc/self/statm", text, sizeof text);
	for (; n > 0 && *at; at++)
		n -= *at == ' ';
	for (; *at >= '0' && *at <= '9'; at++)
		pages = pages * 10 + (uint64_t)(*at - '0');
	return pages * 4096;
}

static uint64_t left(int which, int word)
{
	uint64_t most = limit(which), used;

	if (most == UINT64_MAX)
		return most;
	used = mapped(word);
	return used < most ? most - used : 0;
}

const char *cp_sandbox_is_short_of(void)
{
	uint64_t space = left(RLIMIT_AS, 0), data = left(RLIMIT_DATA, 5);

	if (space / SHARE < SMALL)
		return "too little address space is left (RLIMIT_AS)";
	if (data / SHARE < SMALL)
		return "too little memory is left (RLIMIT_DATA)";
	if (syscall(SYS_geteuid) != 0 && limit(RLIMIT_NPROC) / SHARE < TASKS)
		return "the user may have too few processes (RLIMIT_NPROC)";
	cp_state.small = space / SHARE < FULL || data / SHARE < FULL;
	return NULL;
}

#define FEW_SIGNALS 1024 /* a machine of 2 GB allows 7,500 */

int cp_sandbox_has_few_signals(void)
{
	return limit(RLIMIT_SIGPENDING) < FEW_SIGNALS;
}
