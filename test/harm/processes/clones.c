// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=512
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: slow
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Children that libc knows nothing of: raw clone and clone3, with and without our memory, on stacks
// of their own, with other exit signals and cleared handlers; all allocate and burn CPU time. A
// profiler that relies on pthread_atfork takes them for its parent. They crash or hang when the
// page of state is not wiped (MADV_WIPEONFORK of life/start.c) or cp_awake of signal/adopt.c does
// not compare the process.
#include <errno.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define STACK (256 * 1024)

static void *kept[200];
static volatile sig_atomic_t usr1;

static void on_usr1(int signal)
{
	usr1 += signal == SIGUSR1;
}

TRUTH_FRAME static int work(void *arg)
{
	void *volatile blocks[200];

	for (int i = 0; i < 200; i++)
		blocks[i] = malloc(500 + (size_t)i * 10);
	for (int i = 0; i < 200; i++)
		free(blocks[i]);
	truth_burn(10);
	return (int)(intptr_t)arg;
}

/* A copy of the parent: it may also free what was the parent's. */
static int copy(void *arg)
{
	for (int i = 0; i < 200; i++)
		free(kept[i]);
	work(NULL);
	return work(arg);
}

static void ended(const char *what, pid_t pid, int how)
{
	int status = 0;
	pid_t got = pid > 0 ? waitpid(pid, &status, how) : -1;

	printf("%s: %d, status %#x, signals %d\n", what, got == pid, (unsigned)status, (int)usr1);
	usr1 = 0;
}

static void by_clone(const char *what, int (*run)(void *), int flags, int code)
{
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid_t pid = clone(run, stack + STACK, flags, (void *)(intptr_t)code);

	ended(what, pid, (int)__WALL);
	munmap(stack, STACK);
}

static void by_raw(int code)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(copy((void *)(intptr_t)code));
	ended("raw clone", pid, 0);
}

static void by_clone3(const char *what, uint64_t flags, uint64_t exit_signal, int code)
{
	struct clone_args args;
	int pidfd = -1;
	pid_t pid;

	memset(&args, 0, sizeof args);
	args.flags = flags | CLONE_PIDFD;
	args.exit_signal = exit_signal;
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	fflush(stdout);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	if (pid == 0)
		_exit(copy((void *)(intptr_t)code));
	if (pidfd >= 0) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};

		while (poll(&p, 1, -1) < 0)
			printf("poll: %d\n", errno);
		printf("descriptor %d, ready %d\n", pidfd, p.revents);
		close(pidfd);
	}
	ended(what, pid, (int)__WALL);
}

int main(void)
{
	signal(SIGUSR1, on_usr1);
	for (int i = 0; i < 200; i++)
		kept[i] = malloc(700);
	for (int i = 0; i < 3; i++) {
		by_clone("own stack", copy, SIGCHLD, 11);
		by_clone("no signal", copy, 0, 12);
		by_clone("another signal", copy, SIGUSR1, 13);
		by_clone("our memory, waited for", work, CLONE_VM | CLONE_VFORK | SIGCHLD, 14);
		by_clone("our memory", work, CLONE_VM | SIGCHLD, 15);
		by_clone("our memory and files", work, CLONE_VM | CLONE_FS | CLONE_FILES | SIGCHLD,
			 16);
		by_clone("our handlers", work, CLONE_VM | CLONE_SIGHAND | SIGCHLD, 17);
		by_raw(18);
		by_clone3("clone3", 0, SIGCHLD, 19);
		by_clone3("no handlers", CLONE_CLEAR_SIGHAND, SIGUSR1, 20);
		truth_burn(5);
	}
	HARM_UNLESS(kept[199], "nothing was kept");
	return 0;
}
