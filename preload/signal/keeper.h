/* keeper.h - the uploader's parent where the target itself would have to be it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Whether orphans come to this process: then the uploader would be its visible child. */
int cp_keeper_needed(void);

/* The rest of a keeper's life, in a process with a memory of its own: keeps nothing but our code
 * and these bytes, which hold its stack and the word; sets the word to 1 and wakes who sleeps on
 * it; waits for its last child, and ends. */
__attribute__((noreturn)) void cp_keeper_stay(uintptr_t stack, size_t size,
					      _Atomic uint32_t *ready);
