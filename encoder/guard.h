/* guard.h - files that are read as memory and may shrink under our eyes. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* Where a file ends earlier than it did, reading its mapping raises SIGBUS. From the first call of
 * cp_guard_add on such a read finds zeros instead, and the file is known to be damaged. */

/* A mapping to be watched: its number, or -1 when there is no room (then nothing is known of it).
 */
int cp_guard_add(const void *start, size_t size);
/* Before it is unmapped. */
void cp_guard_remove(int number);
/* Whether a part of it was missing when it was read. */
bool cp_guard_is_damaged(int number);

/* Between these two this thread reads files that others opened (libdw: .dwo, .dwz): there, too,
 * what is missing is zeros. May be nested. */
void cp_guard_enter(void);
void cp_guard_leave(void);
