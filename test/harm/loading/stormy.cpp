// harm: build -shared -fPIC
// SPDX-License-Identifier: MIT
// A plugin for loadstorm.cpp, which makes copies of it. Its constructor and its destructor load and
// unload another copy, if the storm names one.
#include <dlfcn.h>
#include <execinfo.h>
#include <stdexcept>
#include <string>
#include <vector>

#include "test/truth/truth.h"

static thread_local char
    *scratch; // of a library that comes and goes, so made by malloc on first touch
static void *inner;
static const char *(*ask)(void); // the storm's: the copy to load within, or NULL

__attribute__((constructor)) static void come()
{
	*(void **)&ask = dlsym(RTLD_DEFAULT, "storm_inner");
	const char *path = ask ? ask() : nullptr;
	if (path)
		inner = dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

__attribute__((destructor)) static void go()
{
	if (inner)
		dlclose(inner);
}

TRUTH_FRAME static void deep(int depth)
{
	std::string text(100 + (size_t)depth, 'x');

	if (depth)
		deep(depth - 1);
	else
		throw std::runtime_error(text);
	TRUTH_STAY();
}

// Some of everything: CPU time, allocations, an exception through frames of this library.
extern "C" int storm_plugin(int rounds)
{
	std::vector<std::string> kept;
	void *stack[32];
	int caught = 0;

	for (int i = 0; i < rounds; i++) {
		try {
			deep(5);
		} catch (const std::runtime_error &) {
			caught++;
		}
		kept.emplace_back(200, 'y');
		caught += backtrace(stack, 32) == 0;
		scratch = scratch ? scratch : (char *)malloc(50);
		for (int j = 0; j < 20000; j++)
			__asm__ volatile("" : "+r"(j));
	}
	free(scratch);
	scratch = nullptr;
	return caught == rounds;
}
