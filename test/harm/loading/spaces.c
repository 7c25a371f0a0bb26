// harm: build -rdynamic
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=256
// harm: within 40
// harm: slow
// harm: same
// harm: exit 0
// SPDX-License-Identifier: MIT
// dlmopen loads a library into a namespace of its own, with a second libc that nothing is preloaded
// into: its malloc is not ours, its threads are not announced to us, and its code stands in no list
// of the first loader's. Ticks fall there all the same; and namespaces come and go.
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "test/harm/harm.h"
#include "test/harm/loading/layers.h"

static void visit(const char *self, int i)
{
	void *(*begin)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	int (*join)(pthread_t, void **);
	void (*release)(void *);
	void (*work)(void **, int);
	void *(*run)(void *);
	void *library, *libc, *blocks[LAYER_BLOCKS];
	char path[4096];
	pthread_t thread;

	snprintf(path, sizeof path, "%.*s/east", (int)(strrchr(self, '/') - self), self);
	library = dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL);
	HARM_UNLESS(library, "%s", dlerror());
	*(void **)&work = dlsym(library, "east_work");
	*(void **)&run = dlsym(library, "east_thread");
	libc = dlsym(library, "free");
	HARM_UNLESS(work && run && libc && libc != (void *)free, "%s", dlerror());
	memcpy(&release, &libc, sizeof release);
	*(void **)&begin = dlsym(library, "pthread_create");
	*(void **)&join = dlsym(library, "pthread_join");
	for (int round = 0; round < 3; round++) {
		work(blocks, 20);
		for (int j = 0; j < LAYER_BLOCKS; j++)
			release(blocks[j]);
		HARM_UNLESS(begin(&thread, NULL, run, blocks) == 0 && join(thread, NULL) == 0,
			    "no thread there");
		for (int j = 0; j < LAYER_BLOCKS; j++)
			release(blocks[j]);
	}
	printf("namespace %d: %d\n", i, dlclose(library));
}

int main(int argc, char **argv)
{
	(void)argc;
	for (int i = 0; i < 4; i++) {
		visit(argv[0], i);
		truth_burn(20);
	}
	return 0;
}
