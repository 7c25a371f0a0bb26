/* record.h - a sampled block in the recording. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* Counts a block as allocated, from the stack of the application's call that we are in, and, if its
 * end can be noticed (live.h), remembers it; else as freed at once. Whatever stops it is counted as
 * lost. May be interrupted and left by a jump. */
void cp_record(const void *block, size_t size, int can_follow);

/* One that is not to be recorded: only what hangs on samples is looked after, now and then. */
void cp_record_nothing(void);
