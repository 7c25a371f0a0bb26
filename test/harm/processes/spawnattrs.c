// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: slow
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// posix_spawn with every attribute and file action, popen and system, from a busy process with
// threads. The child, another image of this program, tells what it was given. It differs when a
// profiler's descriptor, mask or ignored signal goes along: when hand_over of life/start.c leaves
// the memfd open.
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

extern char **environ;
static char *self;

/* The lines of /proc/self/status that a spawn can change, and the descriptors. */
static void tell(void)
{
	char line[256], cwd[256];
	FILE *file = fopen("/proc/self/status", "re");

	while (file && fgets(line, sizeof line, file)) {
		unsigned long long ignored;

		/* libc has children ignore its own two signals; it is no matter to the child's. */
		if (sscanf(line, "SigIgn: %llx", &ignored) == 1)
			printf("ignored %llx\n", ignored & ~0x180000000ull);
		if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigPnd", 6) == 0 ||
		    strncmp(line, "Uid", 3) == 0 || strncmp(line, "Gid", 3) == 0)
			printf("%s", line);
	}
	if (file)
		fclose(file);
	printf("fds");
	for (int fd = 0; fd < 64; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf(" %d", fd);
	printf(", leads group %d, session %d, policy %d, in %s\n", getpgrp() == getpid(),
	       getsid(0) == getpid(), sched_getscheduler(0), getcwd(cwd, sizeof cwd));
	truth_burn(5);
	exit(5);
}

static void spawned(const char *what, const posix_spawn_file_actions_t *actions,
		    const posix_spawnattr_t *attr)
{
	char *argv[] = {self, (char *)"tell", NULL};
	int status = 0, failed;
	pid_t pid;

	printf("%s: ", what);
	fflush(stdout);
	failed = posix_spawn(&pid, self, actions, attr, argv, environ);
	if (!failed)
		waitpid(pid, &status, 0);
	printf("failed %d, status %#x\n", failed, (unsigned)status);
}

static void attributes(void)
{
	static const struct {
		const char *name;
		short flags;
	} each[] = {
	    {"plain", 0},
	    {"group", POSIX_SPAWN_SETPGROUP},
	    {"ids", POSIX_SPAWN_RESETIDS},
	    {"mask", POSIX_SPAWN_SETSIGMASK},
	    {"defaults", POSIX_SPAWN_SETSIGDEF},
	    {"parameters", POSIX_SPAWN_SETSCHEDPARAM},
	    {"scheduler", POSIX_SPAWN_SETSCHEDULER},
	    {"session", POSIX_SPAWN_SETSID},
	    {"vfork", POSIX_SPAWN_USEVFORK},
	    {"most", POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETSIGMASK |
			 POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSCHEDULER},
	};
	struct sched_param param = {0};
	posix_spawnattr_t attr;
	sigset_t mask;

	for (size_t i = 0; i < sizeof each / sizeof *each; i++) {
		posix_spawnattr_init(&attr);
		posix_spawnattr_setflags(&attr, each[i].flags);
		sigfillset(&mask);
		posix_spawnattr_setsigdefault(&attr, &mask);
		posix_spawnattr_setsigmask(&attr, &mask);
		posix_spawnattr_setschedpolicy(&attr, SCHED_BATCH);
		posix_spawnattr_setschedparam(&attr, &param);
		spawned(each[i].name, NULL, &attr);
		posix_spawnattr_destroy(&attr);
	}
}

static void actions(void)
{
	posix_spawn_file_actions_t a;

	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addclose(&a, 0);
	posix_spawn_file_actions_addopen(&a, 7, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&a, 7, 20);
	posix_spawn_file_actions_addchdir_np(&a, "/usr");
	spawned("files", &a, NULL);
	posix_spawn_file_actions_addclosefrom_np(&a, 8);
	posix_spawn_file_actions_addfchdir_np(&a, 2);
	spawned("not a folder", &a, NULL);
	posix_spawn_file_actions_destroy(&a);
	posix_spawn_file_actions_init(&a);
	posix_spawn_file_actions_addclosefrom_np(&a, 3);
	spawned("closed", &a, NULL);
	posix_spawn_file_actions_destroy(&a);
}

static void shells(void)
{
	char text[400];
	FILE *pipe;

	snprintf(text, sizeof text, "'%s' tell", self);
	fflush(stdout);
	printf("system %#x\n", (unsigned)system(text));
	fflush(stdout);
	pipe = popen(text, "re");
	while (pipe && fgets(text, sizeof text, pipe))
		printf("popen: %s", text);
	printf("pclose %#x\n", (unsigned)pclose(pipe));
}

static void *busy(void *stop)
{
	while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED)) {
		void *volatile block = malloc(2000);

		truth_burn(1);
		free(block);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[2];
	int stop = 0;

	self = argv[0];
	if (argc > 1)
		tell();
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 2; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, busy, &stop) == 0, "no thread");
	attributes();
	actions();
	shells();
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
