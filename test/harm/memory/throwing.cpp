// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_HEAP_SAMPLE_INTERVAL=64
// harm: within 60
// harm: alloc_space afterwards = 20000000 +-5%
// harm: inuse_space afterwards = 20000000 +-5%
// harm: exit 0
// SPDX-License-Identifier: MIT
// new_handlers that throw, that free and let it be tried again, that end the thread or jump; a
// thread that is cancelled while it allocates; exceptions through frames that allocate. It fails
// when a call that got no memory leaves the door of signal/thread.h shut, and dies when the library
// has no unwind tables.
#include <csetjmp>
#include <new>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

#include "test/harm/harm.h"

static const volatile size_t too_much = (size_t)3 << 30;
static int rooms;
static void *reserve;
static jmp_buf out;
static void *volatile kept[20000];
static void *volatile none;

struct Room {
	Room() { rooms++; }
	~Room() { rooms--; }
};

static void throws()
{
	throw std::runtime_error("no more");
}

static void frees()
{
	HARM_UNLESS(reserve, "asked twice");
	free(reserve);
	reserve = nullptr;
	std::set_new_handler(throws);
}

static void jumps()
{
	longjmp(out, 1);
}

static void ends()
{
	pthread_exit(&rooms);
}

TRUTH_FRAME static void thrown_through(int depth)
{
	Room room;
	std::string text(100 + depth, 'x');

	if (depth > 0)
		thrown_through(depth - 1);
	if (depth == 0)
		none = ::operator new(too_much);
	HARM_UNLESS(depth < 0, "there was memory: %zu", text.size());
}

static void by_exception()
{
	std::set_new_handler(throws);
	for (int i = 0; i < 300; i++) {
		try {
			thrown_through(i % 30);
		} catch (const std::runtime_error &e) {
			HARM_UNLESS(rooms == 0 && e.what()[0] == 'n', "%d rooms", rooms);
		}
		HARM_UNLESS(!::operator new(too_much * 4, std::nothrow), "there was memory");
	}
}

static void by_second_try()
{
	reserve = malloc((size_t)2 << 30);
	HARM_UNLESS(reserve, "no reserve");
	std::set_new_handler(frees);
	char *volatile block = new char[(size_t)2 << 30];

	delete[] block;
	HARM_UNLESS(!reserve, "the handler was not asked");
}

static void by_jump()
{
	std::set_new_handler(jumps);
	for (volatile int i = 0; i < 300; i++)
		if (setjmp(out) == 0)
			none = ::operator new(too_much);
}

static void *end_within(void *arg)
{
	Room room;

	none = ::operator new(too_much);
	return arg;
}

static void *at_work(void *arg)
{
	Room room;

	for (;;) {
		std::vector<std::string> some(20, std::string(100, 'y'));
		pthread_testcancel();
	}
	return arg;
}

static void by_end(void *(*run)(void *), bool cancel)
{
	std::set_new_handler(ends);
	for (int i = 0; i < 100; i++) {
		pthread_t thread;
		void *result;

		HARM_UNLESS(pthread_create(&thread, nullptr, run, nullptr) == 0, "no thread");
		if (cancel)
			pthread_cancel(thread);
		pthread_join(thread, &result);
		HARM_UNLESS(result == (cancel ? PTHREAD_CANCELED : (void *)&rooms), "not ended");
		HARM_UNLESS(rooms == 0, "%d rooms", rooms);
	}
}

TRUTH_FRAME static void afterwards()
{
	for (auto &block : kept)
		block = malloc(1000);
	TRUTH_STAY();
}

int main()
{
	struct rlimit limit = {too_much, too_much};

	HARM_UNLESS(setrlimit(RLIMIT_AS, &limit) == 0, "no limit");
	by_exception();
	by_second_try();
	by_jump();
	by_end(end_within, false);
	by_end(at_work, true);
	afterwards();
	return 0;
}
