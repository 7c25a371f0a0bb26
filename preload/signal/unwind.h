/* unwind.h - a stack's addresses, from here or from where a signal interrupted. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Both run anywhere, even in a signal handler: nothing is allocated, opened or waited for, errno
 * may change (the skin keeps it). Frames of our own code are left out wherever they stand. Returns
 * how many addresses were found; *flags gets CP_ROW_TRUNCATED when there were more than max. */

/* Return addresses only, the first of them in whoever called into our library. */
size_t cp_unwind_here(uint64_t *pcs, size_t max, unsigned *flags);
/* pcs[0] is the interrupted pc of this ucontext_t. */
size_t cp_unwind_context(const void *context, uint64_t *pcs, size_t max, unsigned *flags);

/* What a handler needs of stack to call either, with its own frames and libunwind's slow path (6
 * KiB measured with libunwind 1.6.2 on x86-64), and some to spare. */
#define CP_UNWIND_STACK (12 * 1024)

/* ---- for those who set it up ---- */

/* What a better unwinder than frame pointers offers; libunwind's names. */
struct cp_tables {
	int (*backtrace)(void **pcs, int max); /* from its caller on, through signal frames */
	void (*flush)(void);		       /* code was unloaded */
};

/* Our own code's range. Before anything else. */
void cp_unwind_init(uint64_t own_start, uint64_t own_end);
/* From ordinary context, by the constructor. */
void cp_unwind_use(const struct cp_tables *unwinder);
/* Makes the unwinder's memory of the calling thread, which could not be made in a handler. Until
 * then, and after cp_unwind_thread_end, this thread's stacks are found by frame pointers. From
 * ordinary context. */
void cp_unwind_warm(void);
void cp_unwind_thread_end(void);
/* Rules of unloaded code are forgotten. */
void cp_unwind_forget(void);
/* How many threads are unwinding at this moment. */
unsigned cp_unwind_active_now(void);
/* In a forked child: if another thread was unwinding when it was made, libunwind's locks may be
 * held for ever, so it is used no more. */
void cp_unwind_forked(void);
