/* launch.c - the invisible double fork: two clones that share our memory until the exec. */
/* SPDX-License-Identifier: MIT */
#include "signal/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signal/state.h"

#include "signal/law.h"

#ifndef SYS_close_range /* headers older than Linux 5.9; the same number everywhere */
#define SYS_close_range 436
#endif

/* The first child is made with exit signal 0: no SIGCHLD, and wait() and waitpid(-1) do not see it,
 * only our __WCLONE does. The second, which becomes the uploader, loses its parent at once and goes
 * to init. (To us, if we are PID 1 or a subreaper: then the uploader is our visible child, which
 * doc/ARCHITECTURE.md tells.) CLONE_VM with CLONE_VFORK copies no page tables, so this is as fast
 * in a process of 8 GB as in one of 8 MB, and lets a failed exec report its errno in `error`. */
#define STACK_SIZE (32 * 1024)

struct launch {
	int sock;
	volatile int error;
	char *stack; /* of two children, STACK_SIZE each */
};

static void close_from(unsigned first)
{
	struct rlimit limit = {.rlim_cur = 1024};

	if (syscall(SYS_close_range, first, ~0u, 0) == 0)
		return;
	syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	for (unsigned fd = first; fd < limit.rlim_cur && fd < 65536; fd++)
		syscall(SYS_close, fd);
}

/* Raw calls only: libc's wrappers may know of threads and cancellation, this child has neither. */
static int become_uploader(void *arg)
{
	struct launch *l = arg;
	char *argv[] = {cp_home.program, (char *)"uploader", cp_home.name, NULL};
	long sock = syscall(SYS_fcntl, l->sock, F_DUPFD, 10), null;

	null = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR, 0);
	for (int fd = 0; null >= 0 && fd < 3; fd++)
		if (null != fd)
			syscall(SYS_dup3, null, fd, 0);
	if (sock >= 0 && syscall(SYS_dup3, sock, 3, 0) == 3) {
		close_from(4);
		syscall(SYS_chdir, "/");
		syscall(SYS_execve, cp_home.program, argv, cp_home.envp);
	}
	l->error = errno ? errno : EINVAL;
	syscall(SYS_exit, 127);
	return 127;
}

static int become_parent(void *arg)
{
	struct launch *l = arg;

	syscall(SYS_setsid);
	if (clone(become_uploader, l->stack + 2 * STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, l) <
	    0)
		l->error = errno;
	syscall(SYS_exit, 0);
	return 0;
}

static void run(struct launch *l)
{
	int status;
	pid_t child = clone(become_parent, l->stack + STACK_SIZE, CLONE_VM | CLONE_VFORK, l);

	if (child < 0)
		l->error = errno;
	else
		syscall(SYS_wait4, child, &status, __WCLONE, NULL);
}

int cp_launch(int sock)
{
	struct launch l = {.sock = sock};
	uint64_t all = ~UINT64_C(0), before;
	void *stack =
	    mmap(NULL, 2 * STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (stack == MAP_FAILED)
		return -1;
	l.stack = stack;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	run(&l);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	munmap(stack, 2 * STACK_SIZE);
	errno = l.error;
	return l.error ? -1 : 0;
}
