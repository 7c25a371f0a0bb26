/* probe.c - prints all that a process can see of itself, before and after work, as parent and
 * child. */
/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "test/truth/truth.h"

static volatile sig_atomic_t children_told;

static void on_child(int signal)
{
	(void)signal;
	children_told++;
}

/* Descriptors with what they are; numbers in brackets (of sockets and pipes) vary and are cut. */
static void descriptors(void)
{
	char name[64], to[512];

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
		ssize_t n = readlink(name, to, sizeof to - 1);
		if (n < 0)
			continue;
		to[n] = '\0';
		to[strcspn(to, "[")] = '\0';
		printf("  fd %d %s flags %d\n", fd, to, fcntl(fd, F_GETFD));
	}
}

static int entries(const char *path)
{
	DIR *dir = opendir(path);
	int count = 0;

	while (dir != NULL && readdir(dir) != NULL)
		count++;
	if (dir != NULL)
		closedir(dir);
	return count - 2;
}

static void children(void)
{
	char name[64], text[256];
	ssize_t n = -1;

	snprintf(name, sizeof name, "/proc/self/task/%d/children", getpid());
	int fd = open(name, O_RDONLY);
	if (fd >= 0) {
		n = read(fd, text, sizeof text);
		close(fd);
	}
	printf("  children: %zd bytes\n", n);
	for (int options = 0; options < 3; options++) {
		static const unsigned flags[] = {0, __WCLONE, __WALL};
		errno = 0;
		pid_t pid = waitpid(-1, NULL, WNOHANG | (int)flags[options]);
		printf("  waitpid %d: %d %d\n", options, pid > 0 ? 1 : pid, errno);
	}
	printf("  SIGCHLD: %d\n", (int)children_told);
}

static void signals(void)
{
	struct itimerval timer;
	struct sigaction action;
	sigset_t set;

	for (int which = 0; which < 3; which++) {
		getitimer((__itimer_which_t)which, &timer);
		printf("  timer %d: %d %d\n", which,
		       timer.it_value.tv_sec != 0 || timer.it_value.tv_usec != 0,
		       timer.it_interval.tv_sec != 0 || timer.it_interval.tv_usec != 0);
	}
	for (int s = 1; s < NSIG; s++) {
		if (sigaction(s, NULL, &action) != 0)
			continue;
		if (action.sa_handler != SIG_DFL && action.sa_handler != on_child)
			printf("  signal %d: %s, flags %#x\n", s,
			       action.sa_handler == SIG_IGN ? "ignored" : "handled",
			       (unsigned)action.sa_flags);
	}
	sigprocmask(SIG_BLOCK, NULL, &set);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&set, s) == 1)
			printf("  signal %d blocked\n", s);
	sigpending(&set);
	for (int s = 1; s < NSIG; s++)
		if (sigismember(&set, s) == 1)
			printf("  signal %d pending\n", s);
}

static void limits(void)
{
	struct rlimit limit;

	for (int which = 0; which < RLIMIT_NLIMITS; which++)
		if (getrlimit((__rlimit_resource_t)which, &limit) == 0)
			printf("  limit %d: %llx %llx\n", which, (unsigned long long)limit.rlim_cur,
			       (unsigned long long)limit.rlim_max);
}

static void look(const char *when)
{
	printf("%s\n", when);
	descriptors();
	printf("  threads: %d\n", entries("/proc/self/task"));
	children();
	signals();
	limits();
	printf("  leader: %d %d\n", getsid(0) == getpid(), getpgid(0) == getpid());
	printf("  dumpable %d, umask %o\n", prctl(PR_GET_DUMPABLE), umask(022));
	for (char **e = environ; *e != NULL; e++)
		if (strncmp(*e, "LD_PRELOAD=", 11) != 0)
			printf("  env %s\n", *e);
	fflush(stdout);
}

static void *work(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		void *volatile block = malloc(4000);

		free(block);
	}
	truth_burn(50);
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int status = 0;

	errno = 77;
	void *volatile block = malloc(100);
	free(block);
	printf("errno %d\n", errno);
	signal(SIGCHLD, on_child);
	look(argc > 1 ? "again" : "start");
	work(NULL);
	if (pthread_create(&thread, NULL, work, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return 1;
	look("after work");
	pid_t child = fork();
	if (child == 0) {
		work(NULL);
		look("child");
		_exit(4);
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	printf("child: %#x\n", (unsigned)status);
	look("after child");
	if (argc == 1)
		execl("/proc/self/exe", argv[0], "again", (char *)NULL);
	return 6;
}
