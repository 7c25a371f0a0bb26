/* live.c - streets of houses with eight rooms, for every sampled block alive. */
/* SPDX-License-Identifier: MIT */
#include "signal/live.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/attrs.h"
#include "signal/stacks.h"

#include "signal/law.h"

#define ROOMS 8
/* No block has these addresses. */
#define MOVING_IN 1u
#define ENDED	  2u /* while the recording was being exchanged: its end is still to be counted */

#define LOW_BITS      20 /* a row, and which of two recordings it is a row of */
#define ROW_MASK      ((UINT64_C(1) << (LOW_BITS - 1)) - 1)
#define LATER	      (UINT64_C(1) << (LOW_BITS - 1))
#define SIZE_MAX_KEPT ((UINT64_C(1) << 44) - 1)

/* Two cache lines; only the first is read of a house where the block is not. */
struct house {
	_Alignas(64) _Atomic uint64_t block[ROOMS];
	_Atomic uint64_t what[ROOMS]; /* size << LOW_BITS | LATER | row */
};

/* The next street is opened when both of a block's houses in this one are full, so a program
 * touches what it needs: 512, 8192, 131072 rooms in 8 KiB, 128 KiB, 2 MiB; and, where samples are
 * so near one another that there may be a million, 2097152 rooms in 32 MiB. */
#define STREETS 4
#define USUAL	3
static const unsigned char bits[STREETS] = {6, 10, 14, 18}; /* of the houses' numbers */
#define HOUSES ((1u << 6) + (1u << 10) + (1u << 14))

/* In front of them: how many blocks are alive for each of so many hashes, for the first street, for
 * the next two, and for the last. The freed block of a sample lies first in the allocator's cache,
 * so a tight loop may get it again and again, and each free of it comes here; and of all small
 * blocks one in 128 lies where a sampled one could. One byte, rarely two, tell most of them that
 * there is nothing to look for. A byte that has reached its end stays there. */
#define KINDS	   3
#define SIGN_STUCK 255
static const unsigned char kind_of[STREETS] = {0, 1, 1, 2};
static const unsigned char sign_bits[KINDS] = {12, 18, 22};
#define SIGNS	  ((1u << 12) + (1u << 18))
#define LAST_SIZE ((sizeof(struct house) << 18) + (1u << 22))

static struct {
	struct house *street[STREETS];
	_Atomic uint8_t *signs[KINDS];
	uint32_t streets;	/* that there are */
	_Atomic uint32_t open;	/* streets beyond the first */
	_Atomic uint32_t ended; /* rooms that say ENDED */
} live;

static uint64_t hash_of(uint64_t block)
{
	uint64_t h = (block >> 4) * UINT64_C(0x9e3779b97f4a7c15);

	return h ^ h >> 29;
}

static struct house *house_of(unsigned street, uint64_t hash, int second)
{
	uint64_t h = second ? hash * UINT64_C(0xbf58476d1ce4e5b9) : hash;

	return live.street[street] + (h >> (64 - bits[street]));
}

static _Atomic uint8_t *sign_of(unsigned kind, uint64_t hash)
{
	uint64_t h = hash * UINT64_C(0x94d049bb133111eb);

	return live.signs[kind] + (h >> (64 - sign_bits[kind]));
}

/* Adds or subtracts one, unless the sign is stuck. */
static void turn_sign(_Atomic uint8_t *sign, uint8_t by)
{
	uint8_t now = atomic_load_explicit(sign, memory_order_relaxed);

	while (now != SIGN_STUCK &&
	       !atomic_compare_exchange_weak_explicit(sign, &now, (uint8_t)(now + by),
						      memory_order_acq_rel, memory_order_relaxed))
		;
}

int cp_live_open(int many)
{
	char *map = cp_room_at_start(HOUSES * sizeof(struct house) + SIGNS);
	char *last = many ? cp_room(LAST_SIZE) : NULL;

	if (!map)
		return -errno;
	for (unsigned s = 0; s < USUAL; s++) {
		live.street[s] = (struct house *)map;
		map += (sizeof(struct house)) << bits[s];
	}
	live.signs[0] = (_Atomic uint8_t *)map;
	live.signs[1] = live.signs[0] + (1u << sign_bits[0]);
	if (last) {
		live.street[USUAL] = (struct house *)last;
		live.signs[2] = (_Atomic uint8_t *)(live.street[USUAL] + (1u << bits[USUAL]));
	}
	live.streets = last ? STREETS : USUAL;
	return 0;
}

void *cp_live_unused(size_t *size)
{
	uint32_t open = atomic_load_explicit(&live.open, memory_order_acquire);

	*size = LAST_SIZE;
	return live.streets == STREETS && open < USUAL ? live.street[USUAL] : NULL;
}

void cp_live_without(void)
{
	live.streets = USUAL;
}

static int move_in(struct house *house, uint64_t block, uint64_t what)
{
	for (int i = 0; i < ROOMS; i++) {
		uint64_t empty = 0;

		if (atomic_load_explicit(&house->block[i], memory_order_relaxed) != 0)
			continue;
		if (!atomic_compare_exchange_strong_explicit(&house->block[i], &empty, MOVING_IN,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		atomic_store_explicit(&house->what[i], what, memory_order_relaxed);
		atomic_store_explicit(&house->block[i], block, memory_order_release);
		return 0;
	}
	return -1;
}

/* The sign first: who frees the block asks it. */
static int move_to(unsigned street, uint64_t block, uint64_t what)
{
	uint64_t hash = hash_of(block);
	_Atomic uint8_t *sign = sign_of(kind_of[street], hash);

	turn_sign(sign, 1);
	if (move_in(house_of(street, hash, 0), block, what) == 0 ||
	    move_in(house_of(street, hash, 1), block, what) == 0)
		return 0;
	turn_sign(sign, (uint8_t)-1);
	return -1;
}

static uint64_t low_bits(uint32_t row, uint32_t renewals)
{
	return (renewals & 1 ? LATER : 0) | (row & ROW_MASK);
}

static uint32_t row_in(uint64_t what)
{
	uint64_t row = what & ROW_MASK;

	return row == ROW_MASK ? CP_NO_ROW : (uint32_t)row;
}

/* The longest street that is open has most room. */
int cp_live_add(const void *block, size_t size, uint32_t row)
{
	uint64_t kept = size < SIZE_MAX_KEPT ? size : SIZE_MAX_KEPT;
	uint64_t what = kept << LOW_BITS | low_bits(row, cp_renewals());
	uint32_t open = atomic_load_explicit(&live.open, memory_order_acquire);

	for (unsigned street = open + 1; street-- > 0;)
		if (move_to(street, (uint64_t)block, what) == 0)
			return 0;
	if (open + 1 == live.streets)
		return -1;
	atomic_compare_exchange_strong_explicit(&live.open, &open, open + 1, memory_order_acq_rel,
						memory_order_acquire);
	return cp_live_add(block, size, row);
}

static _Atomic uint64_t *find_in(unsigned street, uint64_t block, uint64_t hash)
{
	for (int second = 0; second < 2; second++) {
		struct house *house = house_of(street, hash, second);

		for (int i = 0; i < ROOMS; i++)
			if (atomic_load_explicit(&house->block[i], memory_order_acquire) == block)
				return &house->block[i];
	}
	return NULL;
}

/* The longest street has most. */
int cp_live_find(const void *at, struct cp_lodger *found)
{
	uint64_t block = (uint64_t)at, hash = hash_of(block);
	uint32_t open = atomic_load_explicit(&live.open, memory_order_acquire);
	_Atomic uint64_t *room = NULL;

	if (CP_UNLIKELY(!live.streets))
		return 0;
	for (unsigned street = open + 1; street-- > 0 && !room;) {
		found->sign = sign_of(kind_of[street], hash);
		if (atomic_load_explicit(found->sign, memory_order_acquire) != 0)
			room = find_in(street, block, hash);
	}
	found->room = room;
	return room != NULL;
}

void cp_live_take(const struct cp_lodger *one, size_t *size, uint32_t *row)
{
	uint64_t what = atomic_load_explicit(one->room + ROOMS, memory_order_relaxed);

	atomic_store_explicit(one->room, 0, memory_order_release);
	turn_sign(one->sign, (uint8_t)-1);
	*size = (size_t)(what >> LOW_BITS);
	*row = row_in(what);
}

size_t cp_live_leave(const struct cp_lodger *one)
{
	uint64_t what = atomic_load_explicit(one->room + ROOMS, memory_order_relaxed);

	atomic_store(one->room, ENDED);
	atomic_fetch_add(&live.ended, 1);
	turn_sign(one->sign, (uint8_t)-1);
	return (size_t)(what >> LOW_BITS);
}

/* Whoever empties the room has its end to count. */
static int clear(_Atomic uint64_t *room, size_t *size, uint32_t *row)
{
	uint64_t what = atomic_load_explicit(room + ROOMS, memory_order_relaxed), ended = ENDED;

	if (!atomic_compare_exchange_strong(room, &ended, 0))
		return 0;
	atomic_fetch_sub_explicit(&live.ended, 1, memory_order_relaxed);
	*size = (size_t)(what >> LOW_BITS);
	*row = row_in(what);
	return 1;
}

int cp_live_return(const struct cp_lodger *one, size_t *size, uint32_t *row)
{
	return clear(one->room, size, row);
}

/* ---- all of them ---- */

static void each_room(void (*visit)(_Atomic uint64_t *room, void *arg), void *arg)
{
	uint32_t open = atomic_load_explicit(&live.open, memory_order_acquire);

	for (unsigned s = 0; live.streets && s <= open; s++)
		for (unsigned h = 0; h < 1u << bits[s]; h++)
			for (int i = 0; i < ROOMS; i++)
				visit(&live.street[s][h].block[i], arg);
}

static void clear_one(_Atomic uint64_t *room, void *arg)
{
	cp_live_end *count = *(cp_live_end **)arg;
	size_t size;
	uint32_t row;

	if (atomic_load_explicit(room, memory_order_acquire) == ENDED && clear(room, &size, &row) &&
	    count)
		count(size, row);
}

void cp_live_clear(cp_live_end *count)
{
	if (atomic_load(&live.ended))
		each_room(clear_one, &count);
}

struct walk {
	cp_live_move *move;
	void *arg;
};

static void move_one(_Atomic uint64_t *room, void *arg)
{
	const struct walk *walk = arg;
	uint64_t what, low;

	if (atomic_load_explicit(room, memory_order_acquire) <= MOVING_IN)
		return;
	what = atomic_load_explicit(room + ROOMS, memory_order_relaxed);
	low = low_bits(
	    walk->move((size_t)(what >> LOW_BITS), row_in(what), !!(what & LATER), walk->arg),
	    cp_renewals());
	atomic_store_explicit(room + ROOMS, what >> LOW_BITS << LOW_BITS | low,
			      memory_order_relaxed);
}

void cp_live_each(cp_live_move *move, void *arg)
{
	struct walk walk = {move, arg};

	each_room(move_one, &walk);
}
