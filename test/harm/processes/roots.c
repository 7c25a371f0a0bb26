// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: run chroot chroot
// harm: run user user
// harm: run mount mount
// harm: run net net
// harm: run pid pid
// harm: run asleep asleep
// harm: run all all
// harm: slow
// harm: within 40
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// A program locks itself up, in an empty folder or in new namespaces, and works on: threads, forks,
// exec of nothing, sockets. A thread of the profiler makes unshare(CLONE_NEWUSER) and setns fail
// with EINVAL; files that it opens later are not there; its uploader cannot be reached. The first
// process of the new pid namespace waits for all its children, and we add none: it hangs there when
// cp_keeper_needed of signal/keeper.c is always 0.
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static void *work(void *arg)
{
	for (int i = 0; i < 200; i++) {
		void *volatile block = malloc((size_t)i * 100);

		free(block);
	}
	truth_burn(30);
	return arg;
}

/* Who has unshared its children's pid namespace can make none. */
static int alone;

static void threads(void)
{
	pthread_t thread[3];

	if (alone)
		return;
	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&thread[i], NULL, work, NULL) == 0, "no thread");
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

/* Perhaps process 1 of something. */
static void child(void)
{
	int status, count = 0;

	alone = 0;
	work(NULL);
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(NULL);
			_exit(i);
		}
		HARM_UNLESS(pid > 0, "no fork: %d", errno);
	}
	threads();
	while (wait(&status) > 0)
		count++;
	printf("first: %d, children %d, errno %d\n", getpid() == 1, count, errno);
	fflush(stdout);
	_exit(4);
}

static void live(const char *where)
{
	int status = 0, pair[2];
	pid_t pid;

	work(NULL);
	threads();
	printf("%s: socketpair %d", where, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	printf(", next %d", pair[0]);
	close(pair[0]);
	close(pair[1]);
	execl("/nobody/has/this", "this", (char *)NULL);
	printf(", exec %d\n", errno);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		child();
	printf("%d", waitpid(pid, &status, 0) == pid);
	printf(", status %#x\n", (unsigned)status);
}

static void lock_up(void)
{
	char folder[] = "/tmp/harm-root-XXXXXX";

	HARM_UNLESS(mkdtemp(folder), "no folder");
	printf("chroot %d", chroot(folder));
	printf(", chdir %d", chdir("/"));
	printf(", /proc %d\n", access("/proc", F_OK));
	live("in an empty folder");
}

/* Into a new one of this kind, there and back again if there is a way back. */
static void apart(const char *what, const char *file, int flags, int back)
{
	int old = open(file, O_RDONLY | O_CLOEXEC), result;

	errno = 0;
	result = unshare(flags);
	printf("%s: unshare %d, errno %d\n", what, result, errno);
	fflush(stdout);
	live(what);
	errno = 0;
	if (back) {
		result = setns(old, flags);
		printf("%s: setns %d, errno %d\n", what, result, errno);
		live("back");
	}
	close(old);
}

/* A child that the library has not recorded yet locks itself up: neither is its uploader within
 * reach, nor may another be started, whose first process would be the first of the namespace. */
static void asleep(void)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		printf("unshare %d\n", unshare(CLONE_NEWPID | CLONE_NEWNET));
		alone = 1;
		truth_burn(30);
		live("asleep");
		fflush(stdout);
		_exit(5);
	}
	printf("%d", waitpid(pid, &status, 0) == pid);
	printf(", status %#x\n", (unsigned)status);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "all";
	int all = strcmp(what, "all") == 0;

	truth_burn(20);
	if (strcmp(what, "user") == 0)
		apart("user", "/proc/self/ns/user", CLONE_NEWUSER, 1);
	if (all || strcmp(what, "mount") == 0)
		apart("mount", "/proc/self/ns/mnt", CLONE_NEWNS, 1);
	if (all || strcmp(what, "net") == 0)
		apart("net", "/proc/self/ns/net", CLONE_NEWNET, 1);
	if (strcmp(what, "asleep") == 0)
		asleep();
	if (all)
		apart("many", "/proc/self/ns/user", CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS, 0);
	alone = strcmp(what, "pid") == 0;
	if (alone)
		apart("pid", "/proc/self/ns/pid", CLONE_NEWPID, 0);
	if (all || strcmp(what, "chroot") == 0)
		lock_up();
	return 0;
}
