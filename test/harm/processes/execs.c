// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread rounds 400 CONPROF_CPU_TIMER=thread
// harm: run itimer rounds 1000 CONPROF_CPU_TIMER=itimer
// harm: within 240
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Hundreds of busy processes become something else, by every function of the exec family, from the
// first thread and from another: a static program, and a foreign one, without the library. Half of
// them try a file that is not there before. A timer or a signal that outlives the image ends it
// with 155, "Profiling timer expired": under itimer, when prepare() of hook/exec.c leaves the timer
// on.
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define WAYS 9

static char bystander[4096];
static char *empty[] = {NULL};
extern char **environ;

/* What comes then burns 5 ms of CPU time: several ticks, if there were any. */
static void become(int way, const char *file, const char *code)
{
	char *argv[] = {(char *)file, (char *)code, NULL};
	int fd;

	if (way == 0)
		execl(file, file, code, (char *)NULL);
	else if (way == 1)
		execlp(file, file, code, (char *)NULL);
	else if (way == 2)
		execle(file, file, code, (char *)NULL, empty);
	else if (way == 3)
		execv(file, argv);
	else if (way == 4)
		execvp(file, argv);
	else if (way == 5)
		execve(file, argv, empty);
	else if (way == 6)
		execvpe(file, argv, empty);
	else if (way == 7 && (fd = open(file, O_RDONLY | O_CLOEXEC)) >= 0)
		fexecve(fd, argv, empty);
	else if (way == 8)
		execveat(AT_FDCWD, file, argv, empty, 0);
}

struct job {
	int way, static_one, fails;
};

static void *leave(void *arg)
{
	const struct job *job = arg;

	truth_burn(2);
	if (job->fails)
		become(job->way, "/nobody/has/this", "0");
	truth_burn(job->fails);
	if (!job->static_one) {
		/* Foreign: the same libc, without the library, whichever environment it is given.
		 */
		unsetenv("LD_PRELOAD");
		become(job->way, "/bin/sleep", "0.002");
	}
	become(job->way, bystander, "5");
	HARM_UNLESS(0, "no exec by way %d", job->way);
	return NULL;
}

static void *burn(void *arg)
{
	for (;;)
		truth_burn(1000);
	return arg;
}

static void child(struct job *job, int other_thread)
{
	pthread_t busy, other;

	HARM_UNLESS(pthread_create(&busy, NULL, burn, NULL) == 0, "no thread");
	if (!other_thread)
		leave(job);
	HARM_UNLESS(pthread_create(&other, NULL, leave, job) == 0, "no thread");
	pthread_join(other, NULL);
}

int main(int argc, char **argv)
{
	int status = 0, rounds = argc > 2 ? atoi(argv[2]) : 100;

	if (argc == 2) {
		truth_burn((uint64_t)atoi(argv[1]));
		return 0;
	}
	snprintf(bystander, sizeof bystander, "%.*s/bystander",
		 (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
	for (int i = 0; i < rounds; i++) {
		struct job job = {i % WAYS, i / WAYS % 2, i / WAYS / 2 % 2};
		pid_t pid = fork();
		int want = job.static_one ? 42 : 0;

		if (pid == 0)
			child(&job, i / WAYS / 4 % 2);
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == want,
			    "way %d to %s ended with %#x", job.way,
			    job.static_one ? "the static program" : "a foreign one",
			    (unsigned)status);
	}
	return 0;
}
