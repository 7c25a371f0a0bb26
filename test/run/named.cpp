// named.cpp - a program whose functions are to be found again by name: it works, allocates by all
// wrappers, makes threads. SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <pthread.h>
#include <string>
#include <thread>
#include <threads.h>
#include <unistd.h>
#include <unordered_map>
#include <vector>

#define FRAME __attribute__((noinline, noclone))
/* Nothing before it in a function may be its last call: its frame stays. */
#define STAY() __asm__ volatile("" ::: "memory")

static volatile unsigned long sink;

extern "C" FRAME void exported_burn(int ms);

// A page of code that nobody calls, so that exported and hidden functions lie on different ones.
#define PAD(name)                                                                                  \
	extern "C" void name(void)                                                                 \
	{                                                                                          \
		__asm__ volatile(".fill 8192, 1, 0x90");                                           \
	}
PAD(pad_one)

static FRAME void hidden_burn(int ms)
{
	timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	for (long until = now.tv_sec * 1000 + now.tv_nsec / 1000000 + ms, at = 0; at < until;) {
		for (int i = 0; i < 20000; i++)
			sink += (unsigned long)i;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
		at = now.tv_sec * 1000 + now.tv_nsec / 1000000;
	}
}

PAD(pad_two)

FRAME void exported_burn(int ms)
{
	hidden_burn(ms);
	STAY();
}

namespace shop
{
template <typename T> struct Till {
	FRAME void ring(T count)
	{
		std::vector<std::string> names;
		std::map<int, std::string> tree;
		std::unordered_map<int, int> table;
		std::deque<int> queue;

		for (T i = 0; i < count; i++) {
			names.push_back(std::string(100 + (size_t)i % 7, 'x'));
			tree[(int)i] = "";
			table[(int)i] = (int)i;
			queue.push_back((int)i);
			sink += (unsigned long)names.size();
		}
		STAY();
	}
};
} // namespace shop

static FRAME void plain_new(int count)
{
	for (int i = 0; i < count; i++) {
		char *one = new char[1024];
		__asm__ volatile("" : : "r"(one) : "memory");
		delete[] one;
		int *two = new (std::nothrow) int[256];
		__asm__ volatile("" : : "r"(two) : "memory");
		delete[] two;
	}
}

static FRAME void by_libc(int count)
{
	static char text[1024];

	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < count; i++) {
		char *copy = strdup(text), *printed = nullptr;
		if (asprintf(&printed, "%s%d", text, i) > 0)
			free(printed);
		free(copy);
		void *array = reallocarray(nullptr, 16, 64);
		__asm__ volatile("" : : "r"(array) : "memory");
		free(array);
		FILE *file = fopen("/dev/null", "r");
		if (file)
			fclose(file);
	}
}

static void *idle(void *)
{
	pause();
	return nullptr;
}

static int idle_c11(void *)
{
	pause();
	return 0;
}

static FRAME void make_threads()
{
	pthread_t posix;
	thrd_t c11;

	pthread_create(&posix, nullptr, idle, nullptr);
	thrd_create(&c11, idle_c11, nullptr);
	std::thread([] { pause(); }).detach();
	STAY();
}

int main()
{
	shop::Till<int> till;

	make_threads();
	exported_burn(300);
	till.ring(20000);
	plain_new(20000);
	by_libc(20000);
	return 0;
}
