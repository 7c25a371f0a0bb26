/* live.h - the sampled blocks that are alive: address to size and stack, without a lock. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Streets of small houses: in each street an address may live in one of two houses of eight rooms,
 * chosen by two hashes; if both are full, in the next, longer street. So a look-up reads at most
 * two short runs of words in each street, whether it finds its block or not, on the first day and
 * after 10^9 frees: there are no tombstones, because leaving empties the room.
 *
 * Who may meet whom: anyone, anyone. An address is added and taken at most once at a time, since
 * the application itself hands a block from malloc to free; other addresses never touch its room.
 * When the last street's houses are full the block is not followed (the caller counts it). Three
 * streets are enough for 64 GiB of live heap at one sample in 512 KiB: 139,776 rooms. Where samples
 * are many there is a fourth: 2,236,928.
 *
 * The table is private memory: a forked child inherits it, copied, with its blocks. */

/* The only addresses that are ever in the table are those which free() recognises at once: at the
 * start of a page, where a sampled block is put on purpose, or 16 bytes behind it, where glibc puts
 * a block that has a mapping of its own. */
static inline int cp_live_possible(const void *block)
{
	return ((uintptr_t)block & 0xfef) == 0;
}

/* Maps the table. 0 or -errno. Once, by the constructor. many: with the fourth street, if there is
 * memory for it. */
int cp_live_open(int many);
/* The fourth street as long as nobody has moved there; NULL: there is nothing unused. */
void *cp_live_unused(size_t *size);
/* It is taken away, and not to be opened any more. */
void cp_live_without(void);
/* Sizes of 2^44 and more are kept as 2^44-1. -1: no room. */
int cp_live_add(const void *block, size_t size, uint32_t row);

/* Where a block lives, for who is about to take it off the list. */
struct cp_lodger {
	_Atomic uint64_t *room;
	_Atomic uint8_t *sign;
};
/* 1: it is there. */
int cp_live_find(const void *block, struct cp_lodger *found);
/* It is not any more. */
void cp_live_take(const struct cp_lodger *one, size_t *size, uint32_t *row);

/* While the recording is exchanged (moving.c): the block is gone, but its room says so for whoever
 * counts its end: cp_live_clear afterwards, or, if that has been already, cp_live_return: then 1.
 * Returns its size. */
size_t cp_live_leave(const struct cp_lodger *one);
int cp_live_return(const struct cp_lodger *one, size_t *size, uint32_t *row);
typedef void cp_live_end(size_t size, uint32_t row);
void cp_live_clear(cp_live_end *count); /* NULL: by nobody */

/* Calls for every block alive, or left: what it returns is the block's row from now on, one of the
 * recording that is there now. later: the row before was of a recording with an odd number of
 * renewals. */
typedef uint32_t cp_live_move(size_t size, uint32_t row, int later, void *arg);
void cp_live_each(cp_live_move *move, void *arg);
