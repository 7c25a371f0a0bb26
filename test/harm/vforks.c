// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=256
// harm: within 40
// harm: alloc_space borrower = printed borrowed +-1%
// harm: inuse_space borrower = printed left +-1%
// harm: cpu borrower = 0 exactly
// harm: inuse_space keeper = 4000000 +-5%
// harm: alloc_space keeper = 4000000 +-5%
// harm: exit 0
// SPDX-License-Identifier: MIT
// A vfork child lives in its parent's memory: what it allocates comes from its parent's heap, and
// what it leaves there stays. But its CPU time is not its parent's, nor does it end what its parent
// records: it allocates, frees, burns CPU time and executes. posix_spawn, popen and system do the
// same.
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

extern char **environ;
static void *kept[1000];
static uint64_t borrowed, left;

TRUTH_FRAME static void keeper(void)
{
	for (int i = 0; i < 1000; i++)
		kept[i] = malloc(4000);
	TRUTH_STAY();
}

TRUTH_FRAME static void borrower(void)
{
	void *volatile blocks[100];

	for (int i = 0; i < 100; i++)
		blocks[i] = malloc(10000);
	blocks[0] = realloc(blocks[0], 100000);
	for (int i = 1; i < 100; i++)
		free(blocks[i]);
	borrowed += 100 * 10000 + 100000;
	left += 100000;
	truth_burn(5);
}

static void ended(pid_t pid, int code)
{
	int status;

	HARM_UNLESS(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
			WEXITSTATUS(status) == code,
		    "a child ended with %#x", (unsigned)status);
}

static void by_vfork(int fails)
{
	pid_t pid = vfork();

	if (pid == 0) {
		borrower();
		execl(fails ? "/nobody" : "/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
		_exit(6);
	}
	ended(pid, fails ? 6 : 5);
}

static void by_spawn(void)
{
	char *const argv[] = {"sh", "-c", "kill -0 $$ && exit 7", NULL};
	posix_spawnattr_t attr;
	sigset_t all;
	pid_t pid;

	posix_spawnattr_init(&attr);
	sigfillset(&all);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF);
	HARM_UNLESS(posix_spawn(&pid, "/bin/sh", NULL, &attr, argv, environ) == 0, "no spawn");
	ended(pid, 7);
	HARM_UNLESS(posix_spawnp(&pid, "nobody-has-this", NULL, NULL, argv, environ) == ENOENT,
		    "spawned");
	posix_spawnattr_destroy(&attr);
}

static void by_popen(void)
{
	char text[64] = "";
	FILE *pipe = popen("echo from the pipe; exit 8", "r");

	HARM_UNLESS(pipe && fgets(text, sizeof text, pipe), "nothing came");
	HARM_UNLESS(strcmp(text, "from the pipe\n") == 0, "it said %s", text);
	HARM_UNLESS(WEXITSTATUS(pclose(pipe)) == 8, "the pipe's end");
}

int main(void)
{
	keeper();
	for (int i = 0; i < 20; i++) {
		by_vfork(i % 2);
		by_spawn();
		by_popen();
		HARM_UNLESS(WEXITSTATUS(system("exit 9")) == 9, "system");
		truth_burn(5);
	}
	/* Otherwise the blocks might be thought to be lost. */
	HARM_UNLESS(kept[999], "nothing was kept");
	truth_print("borrowed", borrowed);
	truth_print("left", left);
	return 0;
}
