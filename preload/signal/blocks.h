/* blocks.h - the books of sampled blocks: what a row is told when one begins, ends, comes along. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/stacks.h"

/* Adds a block's weight to both counters of a pair, by its objects. Where the row's number means
 * this recording's row: on the near side or behind the door. */
void cp_block_count(uint32_t row, enum cp_loss why, unsigned objects, size_t size);

/* What is remembered of a block that has ended. */
struct cp_block {
	size_t size;
	uint32_t row;
	uint32_t renewals; /* the row is one of this recording's, if it is still there */
};

/* 1: the block was followed, and has ended: that is counted now, or when the recording has been
 * exchanged. In a forked child that sleeps it is counted by nobody. Runs anywhere, in any phase. */
int cp_block_end(const void *block, struct cp_block *was);
/* It has not: it could not be moved. It is alive as before, but no allocation. */
void cp_block_go_on(const void *block, const struct cp_block *was);
/* The recording is there: what ended meanwhile is counted. By who exchanged it. */
void cp_blocks_settle(void);

/* Enters the rows of all blocks that are alive, as inherited, in another recording of the same
 * size; map[row of the old one] is then that of the new one + 1, or 0. By who holds phase MOVING.
 */
void cp_blocks_copy(struct cp_recording *to, struct cp_recording *from, uint32_t *map);
/* The other one is there now: all blocks get their new rows. */
void cp_blocks_turn(uint32_t *map);
/* The same for a forked child: blocks of its parent's recording get rows of its own. map: as it was
 * if the parent exchanged its recording just then; or NULL. By who holds phase BUSY. */
void cp_blocks_adopt(struct cp_recording *from, uint32_t *map);
