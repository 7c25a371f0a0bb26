// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=256
// harm: alloc_space east_work = printed bytes +-3%
// harm: alloc_space west_work = printed bytes +-3%
// harm: inuse_space east_work@parent = printed bytes +-3%
// harm: inuse_space west_work@parent = 0 exactly
// harm: inuse_space east_work@child = printed bytes +-3%
// harm: inuse_space west_work@child = 0 exactly
// harm: cpu east_work = printed cpu +-15%
// harm: cpu west_work = printed cpu +-15%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Two libraries take turns at the same address: what was sampled in one must never be named as the
// other's, though it was unloaded long before anybody looks for names, and its blocks still live.
// It fails when hook/loader.c is left out or looks only afterwards, or cp_modules_meet of
// signal/modules.c only says 1; for the child, when cp_stack_row_of takes the present epoch.
#include "test/harm/loading/layers.h"

#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>

#include "test/harm/harm.h"

#define TURNS 12
#define MS    20

static void *east_blocks[TURNS][LAYER_BLOCKS];
static int same_place, turns;

/* A new library that is met by a sample makes the profiler look at all; not again for a second. */
static void distract(const char *self)
{
	char path[4096];
	int (*run)(int);

	snprintf(path, sizeof path, "%.*s/stormy", (int)(strrchr(self, '/') - self), self);
	*(void **)&run = dlsym(dlopen(path, RTLD_NOW | RTLD_LOCAL), "storm_plugin");
	HARM_UNLESS(run && run(1), "it did not run");
}

static uintptr_t turn(const char *self, const char *name, void **blocks)
{
	char path[4096], symbol[32];
	void (*work)(void **, int);
	void *library;

	snprintf(path, sizeof path, "%.*s/%s", (int)(strrchr(self, '/') - self), self, name);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	HARM_UNLESS(library, "%s", dlerror());
	snprintf(symbol, sizeof symbol, "%s_work", name);
	*(void **)&work = dlsym(library, symbol);
	HARM_UNLESS(work, "%s", dlerror());
	work(blocks, turns ? MS : 0); /* at first unseen by ticks */
	dlclose(library);
	return (uintptr_t)work;
}

/* A child takes over the live blocks, and with them what was when they were made. */
static void forked(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		truth_print("child", (uint64_t)getpid());
		truth_burn(100);
		_exit(0);
	}
	HARM_UNLESS(waitpid(pid, &status, 0) == pid && status == 0, "the child ended with %#x",
		    (unsigned)status);
}

int main(int argc, char **argv)
{
	void *west_blocks[LAYER_BLOCKS];

	(void)argc;
	distract(argv[0]);
	for (; turns < TURNS; turns++) {
		uintptr_t east = turn(argv[0], "east", east_blocks[turns]);
		uintptr_t west = turn(argv[0], "west", west_blocks);

		same_place += east == west;
		for (int i = 0; i < LAYER_BLOCKS; i++)
			free(west_blocks[i]);
	}
	HARM_UNLESS(same_place == TURNS, "the same place %d times of %d", same_place, TURNS);
	truth_print("parent", (uint64_t)getpid());
	forked();
	truth_print("bytes", (uint64_t)TURNS * LAYER_BLOCKS * LAYER_BYTES);
	truth_print("cpu", (uint64_t)(TURNS - 1) * MS * 1000000);
	HARM_UNLESS(east_blocks[0][0], "nothing is kept");
	return 0;
}
