/* dying.c - a server whose children die as they are told: each with blocks in use that are known.
 */
/* SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "test/truth/truth.h"

#define KEPT  64
#define FREED 32
#define SIZE  1000
#define MOST  1000

static void *volatile kept[KEPT];

TRUTH_FRAME static void keep(void)
{
	for (int i = 0; i < KEPT; i++)
		kept[i] = malloc(SIZE);
	TRUTH_STAY();
}

TRUTH_FRAME static void let_go(void)
{
	for (int i = 0; i < FREED; i++) {
		void *volatile block = malloc(SIZE);

		free(block);
	}
	TRUTH_STAY();
}

/* What the kernel's OOM killer ends. */
TRUTH_FRAME static void eat(void)
{
	for (;;) {
		char *block = malloc(1 << 20);

		if (block)
			memset(block, 1, 1 << 20);
		TRUTH_STAY();
	}
}

static void *abort_here(void *unused)
{
	(void)unused;
	abort();
}

static void exit_3(void)
{
	exit(3);
}

static _Noreturn void die(const char *way)
{
	volatile char *volatile nowhere = (volatile char *)8;
	pthread_t thread;

	if (strcmp(way, "segv") == 0)
		*nowhere = 1;
	if (strcmp(way, "abort") == 0)
		abort();
	if (strcmp(way, "kill") == 0)
		raise(SIGKILL);
	if (strcmp(way, "term") == 0)
		raise(SIGTERM);
	if (strcmp(way, "eat") == 0)
		eat();
	if (strcmp(way, "thread") == 0 && pthread_create(&thread, NULL, abort_here, NULL) == 0)
		pthread_join(thread, NULL);
	if (strcmp(way, "exit3") == 0)
		exit_3();
	_exit(strcmp(way, "exit4") == 0 ? 4 : 0);
}

static pid_t child(const char *way)
{
	pid_t pid = fork();

	if (pid == 0) {
		keep();
		let_go();
		die(way);
	}
	return pid;
}

/* All at once; then all are reaped. */
static void crowd(const char *way)
{
	static pid_t pids[MOST];
	int n = atoi(way);

	for (int i = 0; i < n && i < MOST; i++)
		pids[i] = child(i % 2 ? "abort" : "kill");
	for (int i = 0; i < n && i < MOST; i++)
		waitpid(pids[i], NULL, 0);
	truth_print("crowd", (uint64_t)n);
}

/* Lines of stdin: a way to die, with "+" before it if the child is to be reaped at once, or a
 * number. */
static int serve(void)
{
	char line[32];
	siginfo_t info;

	truth_print("kept", KEPT);
	truth_print("made", KEPT + FREED);
	while (fgets(line, sizeof line, stdin)) {
		int reap = line[0] == '+';
		const char *way = line + reap;

		line[strcspn(line, "\n")] = '\0';
		if (*way >= '0' && *way <= '9') {
			crowd(way);
			continue;
		}
		pid_t pid = child(way);

		waitid(P_PID, (id_t)pid, &info, WEXITED | (reap ? 0 : WNOWAIT));
		truth_print("ended", (uint64_t)pid);
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	if (argc < 2)
		return serve();
	keep();
	let_go();
	die(argv[1]);
}
