// harm: build -rdynamic
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=1 CONPROF_PERIOD=5
// harm: run auto 25
// harm: run libunwind 20 CONPROF_UNWINDER=libunwind
// harm: run fp 15 CONPROF_UNWINDER=fp
// harm: within 100
// harm: exit 0
// harm: slow
// SPDX-License-Identifier: MIT
// Threads throw, take backtraces, list the loaded libraries, allocate, and load and unload
// libraries whose constructors do the same, while each is hit a thousand times a second and each
// allocation is walked: a profiler that takes the loader's lock, or reads a library that is on its
// way out, hangs or crashes within seconds. With libunwind it fails when our_dl_iterate_phdr of
// life/libunwind.c calls libc's.
#include <atomic>
#include <dlfcn.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdexcept>
#include <string>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <thread>
#include <vector>

#include "test/harm/harm.h"

#define COPIES	 8
#define THREADS	 8
#define PATIENCE 15 // seconds; each step takes milliseconds

static std::string folder, copies[COPIES];
static std::atomic<bool> over;
static std::atomic<unsigned long> steps[THREADS];
static thread_local int within; // whose constructor loads one more

// The first half of the copies load one of the second half from their constructors.
extern "C" const char *storm_inner(void)
{
	if (!within || within >= COPIES / 2)
		return nullptr;
	const char *path = copies[COPIES / 2 + within].c_str();
	within = 0;
	return path;
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0700);
	struct stat st;

	HARM_UNLESS(in >= 0 && out >= 0 && fstat(in, &st) == 0, "no copy of %s", from);
	HARM_UNLESS(sendfile(out, in, nullptr, (size_t)st.st_size) == st.st_size, "half a copy");
	close(in);
	close(out);
}

static void make_copies(const std::string &self)
{
	char name[] = "stormXXXXXX";

	HARM_UNLESS(mkdtemp(name), "no folder");
	folder = std::string("./") + name;
	for (int i = 0; i < COPIES; i++) {
		copies[i] = folder + "/copy" + std::to_string(i) + ".so";
		copy((self.substr(0, self.rfind('/')) + "/stormy").c_str(), copies[i].c_str());
	}
}

TRUTH_FRAME static void thrower(int depth)
{
	std::vector<int> room(16, depth);

	if (depth == 0)
		throw std::runtime_error("the bottom");
	thrower(depth - 1);
	TRUTH_STAY();
}

static void throws(int)
{
	for (int i = 0; i < 20; i++) {
		try {
			thrower(i % 20);
		} catch (const std::runtime_error &) {
		}
	}
}

static void traces(int)
{
	void *stack[64];

	for (int i = 0; i < 50; i++)
		HARM_UNLESS(backtrace(stack, 64) > 2, "no backtrace");
}

static int count(struct dl_phdr_info *, size_t, void *n)
{
	++*(int *)n;
	return 0;
}

static void lists(int)
{
	int n = 0;

	dl_iterate_phdr(count, &n);
	HARM_UNLESS(n > 3, "%d libraries", n);
}

static void allocates(int)
{
	std::vector<std::string> some;

	for (int i = 0; i < 50; i++)
		some.emplace_back((size_t)(i * 40), 'z');
}

static void loads(int which)
{
	static thread_local unsigned turn;
	int n = (int)(turn++ * 3 + (unsigned)which) % COPIES;
	within = n;
	void *library = dlopen(copies[n].c_str(), (turn & 1 ? RTLD_NOW : RTLD_LAZY) | RTLD_LOCAL);

	within = 0;
	HARM_UNLESS(library, "%s", dlerror());
	auto run = (int (*)(int))dlsym(library, "storm_plugin");
	HARM_UNLESS(run && run(3), "it did not run");
	std::thread(run, 2).join();
	HARM_UNLESS(dlclose(library) == 0, "%s", dlerror());
}

static void (*const kinds[THREADS])(int) = {throws, traces, lists,  allocates,
					    loads,  loads,  throws, loads};

static void live(int i)
{
	while (!over) {
		kinds[i](i);
		steps[i]++;
	}
}

// Who stands still is waited for: whoever runs this ends it, and shows where it hangs.
static void watch(int seconds)
{
	unsigned long seen[THREADS] = {};
	int still[THREADS] = {};

	for (int second = 0; second < seconds; second++) {
		sleep(1);
		for (int i = 0; i < THREADS; i++) {
			still[i] = steps[i] == seen[i] ? still[i] + 1 : 0;
			seen[i] = steps[i];
			if (still[i] < PATIENCE)
				continue;
			printf("thread %d stands still\n", i);
			fflush(stdout);
			for (;;)
				pause();
		}
	}
	over = true;
}

int main(int argc, char **argv)
{
	std::vector<std::thread> threads;

	make_copies(argv[0]);
	for (int i = 0; i < THREADS; i++)
		threads.emplace_back(live, i);
	watch(argc > 1 ? atoi(argv[1]) : 10);
	for (auto &thread : threads)
		thread.join();
	for (int i = 0; i < THREADS; i++)
		HARM_UNLESS(steps[i] > 5, "thread %d made %lu steps", i, steps[i].load());
	for (const std::string &path : copies)
		unlink(path.c_str());
	rmdir(folder.c_str());
	return 0;
}
