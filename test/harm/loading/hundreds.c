// harm: build -fno-builtin
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: alloc_space east_work = printed bytes +-3%
// harm: inuse_space east_work = 0 exactly
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// A program of several hundred libraries, all loaded at once: each is kept, unwound through, and
// named. It crashes when signal/modules.c maps less than its table takes.
#include <dlfcn.h>
#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/harm/harm.h"
#include "test/harm/loading/layers.h"

#define COPIES 1000

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	struct stat st;

	HARM_UNLESS(in >= 0 && out >= 0 && fstat(in, &st) == 0, "no copy of %s", from);
	HARM_UNLESS(sendfile(out, in, NULL, (size_t)st.st_size) == st.st_size, "half a copy");
	close(in);
	close(out);
}

static void *load(const char *east, int number)
{
	char path[32];
	void *library;

	snprintf(path, sizeof path, "./east.%d", number);
	copy(east, path);
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	HARM_UNLESS(library, "%s", dlerror());
	return library;
}

static void use(void *library)
{
	void (*work)(void **, int);
	void *blocks[LAYER_BLOCKS];

	*(void **)&work = dlsym(library, "east_work");
	HARM_UNLESS(work, "%s", dlerror());
	work(blocks, 0);
	for (int i = 0; i < LAYER_BLOCKS; i++)
		free(blocks[i]);
}

int main(int argc, char **argv)
{
	static void *libraries[COPIES];
	char east[4096];

	(void)argc;
	snprintf(east, sizeof east, "%.*s/east", (int)(strrchr(argv[0], '/') - argv[0]), argv[0]);
	for (int i = 0; i < COPIES; i++)
		libraries[i] = load(east, i);
	for (int turn = 0; turn < 5; turn++)
		for (int i = 0; i < COPIES; i++)
			use(libraries[i]);
	truth_print("bytes", (uint64_t)5 * COPIES * LAYER_BLOCKS * LAYER_BYTES);
	return 0;
}
