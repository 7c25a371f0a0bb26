/* unwind_fp.h - stacks by frame pointers: the way that is always there. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* As cp_unwind_here and cp_unwind_context; frame is where the chain begins. Nothing is read that
 * is not proven readable. */
size_t cp_fp_from(const void *frame, uint64_t own_start, uint64_t own_end, uint64_t *pcs,
		  size_t max, unsigned *flags);
size_t cp_fp_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags);
