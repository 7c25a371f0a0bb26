/* state.c - the process's few words of state, and the clock. */
/* SPDX-License-Identifier: MIT */
#include "signal/state.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "signal/law.h"

/* Before the constructor there is no page of our own yet: everything passes straight through. */
static struct cp_wiped before = {.phase = CP_OFF};

static _Atomic uint32_t before_inside;

struct cp_state cp_state = {.wiped = &before, .inside = &before_inside};
struct cp_home cp_home;

struct cp_scratch *cp_scratch_take(void)
{
	uint64_t taken = atomic_load_explicit(&cp_state.wiped->scratch, memory_order_relaxed);
	int n;

	do {
		if (~taken == 0)
			return NULL;
		n = __builtin_ctzll(~taken);
	} while (!atomic_compare_exchange_weak_explicit(
	    &cp_state.wiped->scratch, &taken, taken | UINT64_C(1) << n, memory_order_acquire,
	    memory_order_relaxed));
	return &cp_state.scratch[n];
}

void cp_scratch_give(struct cp_scratch **scratch)
{
	if (*scratch)
		atomic_fetch_and_explicit(&cp_state.wiped->scratch,
					  ~(UINT64_C(1) << (*scratch - cp_state.scratch)),
					  memory_order_release);
}

void *cp_room(size_t size)
{
	void *room = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (room == MAP_FAILED)
		return NULL;
	madvise(room, size, MADV_NOHUGEPAGE);
	return room;
}

/* What is asked for at a start, to the byte; an order of whole pages on any machine. */
#define START_ROOM ((size_t)27 << 18)
#define WHOLE	   ((size_t)65536)

void *cp_room_at_start(size_t size)
{
	static char *next;
	static size_t left;
	char *room = next;

	size = (size + WHOLE - 1) & ~(WHOLE - 1);
	if (!next && (room = cp_room(START_ROOM)))
		left = START_ROOM;
	if (!room || size > left)
		return cp_room(size);
	left -= size;
	next = room + size;
	return room;
}

static uint64_t ns(struct timespec t)
{
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t cp_now_ns(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return ns(t);
}

uint64_t cp_now_at_start(void)
{
	struct timespec t = {0, 0};

	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &t);
	return ns(t);
}
