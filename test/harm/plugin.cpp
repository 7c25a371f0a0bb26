// harm: build -shared -fPIC
// SPDX-License-Identifier: MIT
// A C++ plugin for a host that knows no C++: frames with destructors that must run on every way
// out.
#include <pthread.h>
#include <stdexcept>
#include <string>

#include "test/truth/truth.h"

static unsigned long left_rooms, lingering;

struct Room {
	~Room() { __atomic_add_fetch(&left_rooms, 1, __ATOMIC_RELAXED); }
};

TRUTH_FRAME static void nested(int depth, void (*way_out)(void))
{
	Room room;

	if (depth)
		nested(depth - 1, way_out);
	else
		way_out();
	TRUTH_STAY();
}

static void throw_it()
{
	throw std::runtime_error(std::string(50, 'x'));
}

static void exit_thread()
{
	pthread_exit(nullptr);
}

static void linger()
{
	__atomic_add_fetch(&lingering, 1, __ATOMIC_RELEASE);
	for (;;)
		usleep(1000);
}

// How many of n exceptions, thrown below depth frames, were caught.
extern "C" int plugin_throw(int n, int depth)
{
	int caught = 0;

	for (int i = 0; i < n; i++) {
		try {
			nested(depth, throw_it);
		} catch (const std::runtime_error &e) {
			caught += e.what()[49] == 'x';
		}
	}
	return caught;
}

extern "C" void plugin_exit_thread(int depth)
{
	nested(depth, exit_thread);
}

extern "C" void plugin_linger(int depth)
{
	nested(depth, linger);
}

// How many destructors have run since this was last asked.
extern "C" unsigned long plugin_left(void)
{
	return __atomic_exchange_n(&left_rooms, 0, __ATOMIC_RELAXED);
}

// How many threads are where they can be cancelled.
extern "C" unsigned long plugin_lingering(void)
{
	return __atomic_load_n(&lingering, __ATOMIC_ACQUIRE);
}
