// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: run daemon daemon
// harm: run twice twice
// harm: slow
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// The ways of a service into the background: daemon(), and two forks with a session, closed
// descriptors and a pid file between. Who remains works and starts a helper; its number, session
// and descriptors must be what they would be. It differs when hand_over of life/start.c leaves
// the memfd open.
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

static void *work(void *arg)
{
	for (int i = 0; i < 100; i++) {
		void *volatile block = malloc((size_t)i * 300);

		free(block);
	}
	truth_burn(60);
	return arg;
}

static void tell(const char *who)
{
	char cwd[256];
	int status;

	printf("%s: leads session %d, group %d, orphan %d, in %s, fds", who, getsid(0) == getpid(),
	       getpgrp() == getpid(), getppid() == 1, getcwd(cwd, sizeof cwd));
	for (int fd = 0; fd < 100; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf(", next %d", dup(1));
	printf(", children %d\n", waitpid(-1, &status, WNOHANG));
	fflush(stdout);
}

/* Waits for the death of its parent, so that what it tells does not depend on chance. */
static void orphaned(pid_t parent)
{
	while (getppid() == parent)
		usleep(1000);
}

static void serve(void)
{
	pthread_t threads[3];
	int status = 0;
	pid_t pid;

	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, work, NULL) == 0, "no thread");
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	pid = fork();
	if (pid == 0) {
		work(NULL);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("helper %#x\n", (unsigned)status);
}

/* As books teach it. */
static void twice(void)
{
	pid_t parent = getpid();

	if (fork() != 0)
		_exit(0);
	orphaned(parent);
	tell("first");
	setsid();
	parent = getpid();
	if (fork() != 0)
		_exit(0);
	orphaned(parent);
	umask(0);
	HARM_UNLESS(chdir("/") == 0, "no root");
	for (int fd = 0; fd < 1024; fd++)
		if (fd != 1)
			close(fd);
	open("/dev/null", O_RDWR);
}

int main(int argc, char **argv)
{
	pid_t parent = getpid();

	work(NULL);
	if (argc > 1 && strcmp(argv[1], "twice") == 0) {
		twice();
	} else {
		HARM_UNLESS(daemon(0, 1) == 0, "no daemon");
		orphaned(parent);
	}
	tell("daemon");
	serve();
	tell("at last");
	return 0;
}
