/* timers.h - the list of our timers: any thread may stop them all. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* It lies in pages that the kernel wipes in a forked child, which has none. All of it runs
 * anywhere.
 *
 * A timer was made. -1: there is no room; then it must not be used. */
int cp_timers_add(int id);
/* It is about to be deleted. */
void cp_timers_remove(int id);
/* Gives all of them this period; 0 stops them. */
void cp_timers_set(uint64_t ns);
