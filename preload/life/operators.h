/* operators.h - where an allocator brings operator new and delete: their callers meet ours first.
 */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Once, by the constructor, when allocations are recorded. Does nothing at all unless the next
 * allocator in line defines operator new as well as malloc. Objects that are loaded later are left
 * alone: their slots can't be written without a race with the loader, which may still be filling
 * them. What they allocate by operator new isn't seen; what they delete of others' is noticed as
 * freed when its address comes round again. */
void cp_operators_open(void);
