// harm: with CONPROF_HEAP_SAMPLE_INTERVAL=4096 CONPROF_PERIOD=2
// harm: run 1000 CONPROF_CPU_PROFILERATE=1000
// harm: run 4000 CONPROF_CPU_PROFILERATE=4000
// harm: run every_block CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=64
// harm: within 60
// harm: slow
// harm: exit 0
// SPDX-License-Identifier: MIT
// Ten seconds of all that holds a lock: objects loaded and unloaded, exceptions, blocks of every
// kind, forks, threads. An unwinder that waits for the loader's lock stands still here: so it is
// without our_dl_iterate_phdr of life/instead.c.
#include <dlfcn.h>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <vector>

#include "test/harm/harm.h"

static int stop;
static const char *plugin;

enum kind { LOADS, THROWS, BLOCKS, FORKS, THREADS, KINDS };
static const char *const names[KINDS] = {"loads", "throws", "blocks", "forks", "threads"};
static unsigned long done[KINDS];

static bool going(enum kind kind)
{
	__atomic_add_fetch(&done[kind], 1, __ATOMIC_RELAXED);
	return !__atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *loads(void *arg)
{
	while (going(LOADS)) {
		void *lib = dlopen(plugin, RTLD_NOW);
		HARM_UNLESS(lib, "%s", dlerror());
		auto throw_some = (int (*)(int, int))dlsym(lib, "plugin_throw");

		HARM_UNLESS(throw_some(5, 3) == 5, "an exception was not caught");
		dlclose(lib);
	}
	return arg;
}

TRUTH_FRAME static int deep(int n)
{
	std::string room(40, 'x');

	if (n == 0)
		throw std::runtime_error("deep");
	return deep(n - 1) + (int)room.size();
}

static void *throws(void *arg)
{
	for (int n = 0; going(THROWS); n++) {
		try {
			deep(n % 40);
			HARM_UNLESS(false, "an exception was not thrown");
		} catch (const std::runtime_error &) {
		}
	}
	return arg;
}

static void fill(std::vector<unsigned char *> &held, unsigned *seed)
{
	size_t i = (size_t)rand_r(seed) % held.size(), n = (size_t)rand_r(seed) % 2000 + 1;
	unsigned char mark = (unsigned char)i;

	HARM_UNLESS(!held[i] || held[i][0] == mark, "a block was overwritten");
	if (rand_r(seed) % 5 == 0) {
		held[i] = (unsigned char *)realloc(held[i], n * 2);
	} else {
		free(held[i]);
		held[i] = (unsigned char *)(n % 20 ? malloc(n) : calloc(n, 50));
	}
	held[i][0] = mark;
}

static void *blocks(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	std::vector<unsigned char *> held(1000);

	while (going(BLOCKS))
		fill(held, &seed);
	for (auto block : held)
		free(block);
	return arg;
}

static void child()
{
	void *held[100];

	for (auto &block : held)
		block = malloc(10000);
	for (auto block : held)
		free(block);
	_exit(3);
}

static void *forks(void *arg)
{
	while (going(FORKS)) {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			child();
		HARM_UNLESS(waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
				WEXITSTATUS(status) == 3,
			    "a child ended with %#x", (unsigned)status);
	}
	return arg;
}

static void *brief(void *arg)
{
	void *volatile block = malloc(100);

	usleep(10);
	free(block);
	return arg;
}

static void *threads(void *arg)
{
	pthread_t some[4];

	while (going(THREADS)) {
		for (auto &thread : some)
			HARM_UNLESS(pthread_create(&thread, nullptr, brief, nullptr) == 0,
				    "no thread");
		for (auto thread : some)
			pthread_join(thread, nullptr);
	}
	return arg;
}

int main(int, char **argv)
{
	void *(*const work[])(void *) = {loads, loads, throws, blocks, blocks, threads, forks};
	std::vector<pthread_t> all;
	std::string path(argv[0]);

	path.replace(path.rfind('/') + 1, std::string::npos, "plugin");
	plugin = path.c_str();
	for (auto run : work) {
		all.emplace_back();
		HARM_UNLESS(pthread_create(&all.back(), nullptr, run, (void *)all.size()) == 0,
			    "no thread");
	}
	sleep(10);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (auto thread : all)
		pthread_join(thread, nullptr);
	for (int kind = 0; kind < KINDS; kind++)
		truth_print(names[kind], done[kind]);
	return 0;
}
