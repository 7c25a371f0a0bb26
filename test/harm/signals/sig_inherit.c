// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: run thread CONPROF_CPU_TIMER=thread
// harm: run itimer CONPROF_CPU_TIMER=itimer
// harm: within 60
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// Children made in every way, at full speed: what each finds blocked, pending, ignored and caught
// is what its parent left it, and nothing of ours. A profiler's pending signal, its blocked mask
// around fork, its ignored SIGPROF around exec are inherited by programs that do not know them. It
// differs when unblock() of life/fork.c does nothing, or, with the process's timer,
// cp_shared_before_exec leaves SIGPROF ignored.
#include <spawn.h>
#include <sys/wait.h>

#include "test/harm/signals/signals.h"

static const char *self;

static void look(const char *who)
{
	struct sigaction action;

	signals_show(who);
	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			printf("  ignores %d\n", i);
	fflush(stdout);
}

static void joined(pid_t child)
{
	int status;

	HARM_UNLESS(waitpid(child, &status, 0) == child && status == 0, "the child: %#x", status);
}

static void by_fork(int way)
{
	char *argv[] = {(char *)self, "look", NULL}, *nothing[] = {NULL};
	pid_t child;

	truth_burn(4);
	child = way == 1 ? vfork() : fork();
	if (child == 0) {
		if (way == 2) {
			look("forked");
			truth_burn(5);
			look("forked, later");
			_exit(0);
		}
		execve(self, argv, way == 3 ? nothing : environ); /* it is not recorded then */
		_exit(1);
	}
	joined(child);
}

static void by_spawn(short flags, const sigset_t *mask, const sigset_t *defaults)
{
	char *argv[] = {(char *)self, "look", NULL};
	posix_spawnattr_t attr;
	sigset_t got;
	pid_t child;

	truth_burn(4);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, flags);
	if (mask)
		posix_spawnattr_setsigmask(&attr, mask);
	if (defaults)
		posix_spawnattr_setsigdefault(&attr, defaults);
	posix_spawnattr_getsigmask(&attr, &got);
	printf("spawn, flags %d, mask %llx\n", flags, (unsigned long long)signals_bits(&got));
	fflush(stdout);
	HARM_UNLESS(posix_spawn(&child, self, NULL, &attr, argv, environ) == 0, "not spawned");
	joined(child);
	posix_spawnattr_destroy(&attr);
}

static void by_shell(void)
{
	char command[400], line[400];
	FILE *pipe;

	truth_burn(4);
	snprintf(command, sizeof command, "%s look", self);
	HARM_UNLESS(system(command) == 0, "no shell");
	pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof line, pipe))
		printf("popen: %s", line);
	HARM_UNLESS(pipe && pclose(pipe) == 0, "no pipe");
	fflush(stdout);
}

static void every_way(const char *when)
{
	sigset_t full, none, some;

	sigfillset(&full);
	sigemptyset(&none);
	sigemptyset(&some);
	sigaddset(&some, SIGPROF);
	sigaddset(&some, SIGUSR1);
	printf("-- %s\n", when);
	look("parent");
	for (int way = 0; way < 4; way++)
		by_fork(way);
	by_spawn(0, NULL, NULL);
	by_spawn(POSIX_SPAWN_SETSIGMASK, &full, NULL);
	by_spawn(POSIX_SPAWN_SETSIGMASK, &none, NULL);
	by_spawn(POSIX_SPAWN_SETSIGMASK, &some, NULL);
	by_spawn(POSIX_SPAWN_SETSIGDEF, NULL, &some);
	by_spawn(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF, &some, &full);
	by_shell();
	look("parent");
}

static void nothing(int signal)
{
	(void)signal;
}

static void *in_a_thread(void *arg)
{
	every_way(arg);
	return NULL;
}

int main(int argc, char **argv)
{
	sigset_t set;
	pthread_t thread;

	self = argv[0];
	if (argc > 1) {
		look("child");
		return 0;
	}
	every_way("as it starts");
	if (!signals_shared()) /* posix_spawn would see the handler that stands for it */
		signal(SIGPROF, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	every_way("two ignored");
	signal(SIGPROF, nothing);
	sigemptyset(&set);
	sigaddset(&set, SIGPROF);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	every_way("a handler, two blocked");
	signals_block_all(NULL);
	kill(getpid(), SIGUSR2);
	raise(SIGRTMAX);
	every_way("all blocked, two pending");
	HARM_UNLESS(pthread_create(&thread, NULL, in_a_thread, "in a thread") == 0, "no thread");
	pthread_join(thread, NULL);
	return 0;
}
