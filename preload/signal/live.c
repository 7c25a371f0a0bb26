/* live.c - two houses of eight rooms for every sampled block alive. */
/* SPDX-License-Identifier: MIT */
#include "signal/live.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "signal/law.h"

#define ROOMS	      8
#define HOUSES	      (1u << 14)
#define MOVING_IN     1u /* no block has this address */
#define ROW_BITS      20
#define SIZE_MAX_KEPT ((UINT64_C(1) << 44) - 1)

/* 16 bytes a room: a house is two cache lines. */
struct room {
	_Atomic uint64_t block;
	_Atomic uint64_t what; /* size << ROW_BITS | row */
};

struct house {
	struct room room[ROOMS];
};

/* In front of the street, how many blocks are alive for each of 4096 hashes: the freed block of a
 * sample lies first in the allocator's cache, so a tight loop of one size gets it again and again,
 * and each free of it comes here. One byte tells most of them that there is nothing to look for. A
 * byte that has reached its end stays there. */
#define SIGNS	   4096
#define SIGN_STUCK 255
static struct house *street;
static _Atomic uint8_t *signs;

static struct house *house_of(uint64_t block, int second)
{
	uint64_t h = (block >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	h ^= h >> 29;
	return street + (second ? (h * UINT64_C(0xbf58476d1ce4e5b9)) >> 50 : h >> 50);
}

static _Atomic uint8_t *sign_of(uint64_t block)
{
	return &signs[(block >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

/* Adds or subtracts one, unless the sign is stuck. */
static void turn_sign(uint64_t block, uint8_t by)
{
	_Atomic uint8_t *sign = sign_of(block);
	uint8_t now = atomic_load_explicit(sign, memory_order_relaxed);

	while (now != SIGN_STUCK &&
	       !atomic_compare_exchange_weak_explicit(sign, &now, (uint8_t)(now + by),
						      memory_order_acq_rel, memory_order_relaxed))
		;
}

int cp_live_open(void)
{
	char *map = mmap(NULL, HOUSES * sizeof *street + SIGNS, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (map == MAP_FAILED)
		return -errno;
	signs = (_Atomic uint8_t *)(map + HOUSES * sizeof *street);
	street = (struct house *)map;
	return 0;
}

static int move_in(struct house *house, uint64_t block, uint64_t what)
{
	for (int i = 0; i < ROOMS; i++) {
		struct room *room = &house->room[i];
		uint64_t empty = 0;

		if (atomic_load_explicit(&room->block, memory_order_relaxed) != 0)
			continue;
		if (!atomic_compare_exchange_strong_explicit(&room->block, &empty, MOVING_IN,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		atomic_store_explicit(&room->what, what, memory_order_relaxed);
		atomic_store_explicit(&room->block, block, memory_order_release);
		return 0;
	}
	return -1;
}

int cp_live_add(const void *block, size_t size, uint32_t row)
{
	uint64_t kept = size < SIZE_MAX_KEPT ? size : SIZE_MAX_KEPT;
	uint64_t what = kept << ROW_BITS | (row & ((1u << ROW_BITS) - 1));

	turn_sign((uint64_t)block, 1);
	if (move_in(house_of((uint64_t)block, 0), (uint64_t)block, what) == 0 ||
	    move_in(house_of((uint64_t)block, 1), (uint64_t)block, what) == 0)
		return 0;
	turn_sign((uint64_t)block, (uint8_t)-1);
	return -1;
}

static struct room *find(uint64_t block)
{
	for (int second = 0; second < 2; second++) {
		struct house *house = house_of(block, second);

		for (int i = 0; i < ROOMS; i++)
			if (atomic_load_explicit(&house->room[i].block, memory_order_acquire) ==
			    block)
				return &house->room[i];
	}
	return NULL;
}

int cp_live_take(const void *block, size_t *size, uint32_t *row)
{
	struct room *room;
	uint64_t what;

	if (!street || atomic_load_explicit(sign_of((uint64_t)block), memory_order_acquire) == 0 ||
	    !(room = find((uint64_t)block)))
		return 0;
	what = atomic_load_explicit(&room->what, memory_order_relaxed);
	atomic_store_explicit(&room->block, 0, memory_order_release);
	turn_sign((uint64_t)block, (uint8_t)-1);
	*size = (size_t)(what >> ROW_BITS);
	*row = (uint32_t)(what & ((1u << ROW_BITS) - 1));
	return 1;
}

void cp_live_each(uint32_t (*move)(size_t size, uint32_t row))
{
	const uint64_t row_mask = (1u << ROW_BITS) - 1;

	for (struct room *room = &street[0].room[0]; street && room < &street[HOUSES].room[0];
	     room++) {
		uint64_t what;
		uint32_t row;

		if (atomic_load_explicit(&room->block, memory_order_acquire) <= MOVING_IN)
			continue;
		what = atomic_load_explicit(&room->what, memory_order_relaxed);
		row = move((size_t)(what >> ROW_BITS), (uint32_t)(what & row_mask));
		atomic_store_explicit(&room->what, (what & ~row_mask) | (row & row_mask),
				      memory_order_relaxed);
	}
}
