// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=65536
// harm: slow
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// What children inherit, from a process whose other threads work all the time: the same descriptors
// with the same flags, by fork, vfork, posix_spawn, system and popen, and the numbers that open()
// gives are the lowest. It differs when hand_over of life/start.c leaves the memfd open; while it
// is open, CLOEXEC (signal/recording.c, signal/join.c) keeps it from programs that are started
// meanwhile.
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

extern char **environ;
static char *self;
static int stop;

static void look(const char *who)
{
	int next;

	printf("%s:", who);
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFD), status = fcntl(fd, F_GETFL);

		if (flags >= 0)
			printf(" %d/%d/%#x", fd, flags, (unsigned)status);
	}
	next = open("/dev/null", O_RDONLY | O_CLOEXEC);
	printf(", next %d\n", next);
	close(next);
	fflush(stdout);
}

static void *busy(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		void *volatile block = malloc(3000);

		truth_burn(1);
		free(block);
	}
	return arg;
}

static void ended(pid_t pid)
{
	int status = 0;

	HARM_UNLESS(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6,
		    "a child ended with %#x", (unsigned)status);
}

static void children(void)
{
	char *argv[] = {self, (char *)"look", NULL};
	char text[4200];
	FILE *pipe;
	pid_t pid = fork();

	if (pid == 0) {
		truth_burn(10);
		look("fork");
		execv(self, argv);
		_exit(1);
	}
	ended(pid);
	pid = vfork();
	if (pid == 0) {
		execv(self, argv);
		_exit(1);
	}
	ended(pid);
	HARM_UNLESS(posix_spawn(&pid, self, NULL, NULL, argv, environ) == 0, "no spawn");
	ended(pid);
	snprintf(text, sizeof text, "'%s' look", self);
	HARM_UNLESS(WEXITSTATUS(system(text)) == 6, "system");
	pipe = popen(text, "r");
	while (pipe && fgets(text, sizeof text, pipe))
		printf("popen %s", text);
	pclose(pipe);
}

int main(int argc, char **argv)
{
	pthread_t threads[3];

	self = argv[0];
	if (argc > 1) {
		truth_burn(5);
		look("exec");
		return 6;
	}
	open("/dev/zero", O_RDONLY);
	open("/dev/zero", O_RDONLY | O_CLOEXEC);
	dup2(0, 30);
	look("at first");
	for (int i = 0; i < 3; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, busy, NULL) == 0, "no thread");
	for (int i = 0; i < 5; i++)
		children();
	look("at last");
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
