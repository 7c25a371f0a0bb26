// harm: build -fno-exceptions
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=4096
// harm: within 40
// harm: exit 0
// SPDX-License-Identifier: MIT
// A C program loads a C++ plugin: exceptions are caught, and destructors run, also when a thread
// leaves by pthread_exit or is cancelled. It fails when libconprof.so is linked with -lunwind,
// whose _Unwind_* then stand before libgcc's for everyone.
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#include "test/harm/harm.h"

#define DEPTH	10
#define THREADS 50

static int (*throw_some)(int n, int depth);
static void (*exit_thread)(int depth);
static void (*linger)(int depth);
static unsigned long (*left)(void);
static unsigned long (*lingering)(void);

static void load(const char *self)
{
	char path[4096];
	void *plugin;

	snprintf(path, sizeof path, "%.*s/plugin", (int)(strrchr(self, '/') - self), self);
	plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	HARM_UNLESS(plugin, "%s", dlerror());
	*(void **)&throw_some = dlsym(plugin, "plugin_throw");
	*(void **)&exit_thread = dlsym(plugin, "plugin_exit_thread");
	*(void **)&linger = dlsym(plugin, "plugin_linger");
	*(void **)&left = dlsym(plugin, "plugin_left");
	*(void **)&lingering = dlsym(plugin, "plugin_lingering");
	HARM_UNLESS(lingering && throw_some && exit_thread && linger && left, "%s", dlerror());
}

static void *by_exit(void *arg)
{
	exit_thread(DEPTH);
	return arg;
}

static void *by_cancel(void *arg)
{
	linger(DEPTH);
	return arg;
}

static void rooms(const char *way, unsigned long wanted)
{
	unsigned long got = left();

	HARM_UNLESS(got == wanted, "%s: %lu destructors ran, not %lu", way, got, wanted);
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	void *result;

	(void)argc;
	load(argv[0]);
	HARM_UNLESS(throw_some(20000, DEPTH) == 20000, "an exception was not caught");
	rooms("throw", 20000 * (DEPTH + 1));
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, by_exit, NULL) == 0, "no thread");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	rooms("pthread_exit", THREADS * (DEPTH + 1));
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_create(&threads[i], NULL, by_cancel, NULL) == 0, "no thread");
	while (lingering() < THREADS)
		usleep(1000);
	for (int i = 0; i < THREADS; i++)
		pthread_cancel(threads[i]);
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(pthread_join(threads[i], &result) == 0 && result == PTHREAD_CANCELED,
			    "not cancelled");
	rooms("pthread_cancel", THREADS * (DEPTH + 1));
	return 0;
}
