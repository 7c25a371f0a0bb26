/* launch.c - the invisible double fork: two clones that share our memory until the exec. */
/* SPDX-License-Identifier: MIT */
#include "signal/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "signal/keeper.h"
#include "signal/state.h"

#include "signal/law.h"

#ifndef SYS_close_range /* headers older than Linux 5.9; the same number everywhere */
#define SYS_close_range 436
#endif

/* The first child is made with exit signal 0: no SIGCHLD, and wait() and waitpid(-1) do not see it,
 * only our __WCLONE does. The second, which becomes the uploader, loses its parent at once and goes
 * to init. CLONE_VM with CLONE_VFORK copies no page tables, so this is as fast in a process of 8 GB
 * as in one of 8 MB, and lets a failed exec report its errno in `error`.
 *
 * If orphans come to us, because we are process 1 or a subreaper, the uploader would be our visible
 * child: exec gives every program the exit signal SIGCHLD. So the first child makes a keeper, as
 * invisible as itself (CLONE_PARENT: our child, its exit signal), and that one is the uploader's
 * parent and stays. It never execs, and has its own copy of our memory to throw away. (It comes of
 * a child that shared ours, because such a one has no rseq area registered: the kernel would write
 * there when it is gone.) */
#define STACK_SIZE (32 * 1024)
#define STACKS	   3
#define PATIENCE   100 /* times a tenth of a second, for the keeper's start */

/* Lies below the stacks, in memory that a keeper shares with us. */
struct launch {
	int sock;
	volatile int error;
	volatile pid_t keeper;
	_Atomic uint32_t ready; /* the keeper has nothing of ours any more */
};

/* The last keeper that we made, to be reaped when the next is made. Guarded by who makes a
 * recording: the constructor, or phase BUSY. */
static struct {
	pid_t pid, of;
} last_keeper;

/* The upper end of the first, second or third; below them all lies the struct. */
static char *stack(struct launch *l, int number)
{
	return (char *)l + (number + 1) * STACK_SIZE;
}

static size_t room(void)
{
	return (STACKS + 1) * STACK_SIZE;
}

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
	char *argv[] = {cp_home.program, (char *)"uploader", cp_home.name,
			cp_home.elder[0] ? cp_home.elder : NULL, NULL};
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

static void make_uploader(struct launch *l)
{
	if (clone(become_uploader, stack(l, 3), CLONE_VM | CLONE_VFORK | SIGCHLD, l) < 0)
		l->error = errno;
}

static int become_parent(void *arg)
{
	syscall(SYS_setsid);
	make_uploader(arg);
	syscall(SYS_exit, 0);
	return 0;
}

static int become_keeper(void *arg)
{
	struct launch *l = arg;

	syscall(SYS_setsid);
	syscall(SYS_chdir, "/");
	syscall(SYS_prctl, PR_SET_NAME, "conprof-keeper", 0, 0, 0);
	syscall(SYS_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	make_uploader(l);
	close_from(0);
	cp_keeper_stay((uintptr_t)l, room(), &l->ready);
}

/* Stays until the keeper holds nothing of ours: in the meantime it may hold the last end of a pipe
 * that we are about to close. */
static int become_maker(void *arg)
{
	struct launch *l = arg;
	struct timespec tenth = {0, 100000000};

	l->keeper = clone(become_keeper, stack(l, 2), CLONE_PARENT, l);
	if (l->keeper < 0)
		l->error = errno;
	for (int i = 0; i < PATIENCE && l->keeper > 0; i++) {
		if (atomic_load_explicit(&l->ready, memory_order_acquire))
			break;
		syscall(SYS_futex, &l->ready, FUTEX_WAIT, 0, &tenth, NULL, 0);
	}
	syscall(SYS_exit, 0);
	return 0;
}

static void run(struct launch *l, int (*first)(void *))
{
	int status;
	pid_t child = clone(first, stack(l, 1), CLONE_VM | CLONE_VFORK, l);

	if (child < 0)
		l->error = errno;
	else
		syscall(SYS_wait4, child, &status, __WCLONE, NULL);
}

/* A keeper whose uploader has ended is a dead process that nobody but us can lay to rest. 1: it is.
 */
static int reap(int how)
{
	int status;
	long done = 0;

	if (last_keeper.pid > 0 && last_keeper.of == (pid_t)syscall(SYS_getpid))
		done = syscall(SYS_wait4, last_keeper.pid, &status, how | (int)__WCLONE, NULL);
	if (done > 0)
		last_keeper.pid = 0;
	return done > 0;
}

int cp_launch_ended(void)
{
	return reap(WNOHANG);
}

static void run_kept(struct launch *l)
{
	reap(WNOHANG);
	run(l, become_maker);
	if (l->keeper <= 0)
		return;
	last_keeper.pid = l->keeper;
	last_keeper.of = (pid_t)syscall(SYS_getpid);
	if (l->error) /* then it has nothing to wait for */
		reap(0);
	else if (!l->ready)
		l->error = ETIMEDOUT;
}

static int launch(int sock)
{
	int needed = cp_keeper_needed(), error;
	uint64_t all = ~UINT64_C(0), before;
	struct launch *l = mmap(NULL, room(), PROT_READ | PROT_WRITE,
				(needed ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS, -1, 0);

	if (l == MAP_FAILED)
		return -1;
	l->sock = sock;
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
	if (needed)
		run_kept(l);
	else
		run(l, become_parent);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	error = l->error;
	munmap(l, room());
	errno = error;
	return error ? -1 : 0;
}

/* After unshare(CLONE_NEWPID) or setns the next child is in another pid namespace, perhaps its
 * first process: ours would take that place from the application's, and the namespace would end
 * with it. The link cannot be read while there is no first process. */
static int children_go_elsewhere(void)
{
	static const char ours[] = "/proc/thread-self/ns/pid";
	static const char theirs[] = "/proc/thread-self/ns/pid_for_children";
	char a[64] = {0}, b[64] = {0};
	struct stat st;

	if (syscall(SYS_readlinkat, AT_FDCWD, ours, a, sizeof a - 1) <= 0)
		return 0;
	if (syscall(SYS_readlinkat, AT_FDCWD, theirs, b, sizeof b - 1) > 0)
		return strcmp(a, b) != 0;
	return syscall(SYS_newfstatat, AT_FDCWD, theirs, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A child of a process that has a keeper: what it starts would come to that process as an orphan.
 */
static int would_be_seen(void)
{
	return last_keeper.of && last_keeper.of != (pid_t)syscall(SYS_getpid) &&
	       !cp_keeper_needed();
}

int cp_launch(int sock)
{
	if (children_go_elsewhere() || would_be_seen()) {
		errno = EPERM;
		return -1;
	}
	return launch(sock);
}
