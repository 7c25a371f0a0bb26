/* unwind.h - from a context to return addresses, wherever one stands. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct cp_apart;

/* Two ways: libunwind, which knows the tables of every module, and frame pointers, which are always
 * there. All of it runs anywhere, allocates nothing, opens nothing and keeps errno. What it waits
 * for is libunwind's own lock, whose holder has every signal blocked and always comes back. */

/* Stack that an unwind may need below the caller's frame: the most that was measured
 * (test/unit/signal_unwind.c), with a margin. A handler's is in struct cp_scratch. */
#define CP_UNWIND_STACK 8192

/* libunwind's functions, bound by life/libunwind.c. */
struct cp_libunwind {
	int (*context_here)(void *context);
	int (*backtrace)(void **pcs, int max); /* its own fast way, from its caller on */
	int (*init)(void *cursor, void *context, int flags);
	int (*step)(void *cursor);
	int (*get_reg)(void *cursor, int reg, uint64_t *value);
	void (*flush)(void *space, uint64_t lo, uint64_t hi);
	void **(*accessors)(void *space);
	void *space;
};

/* Our own unwinder is used, and libunwind is not. By the constructor. */
void cp_unwind_use_own(void);

/* Where our own code lies: it is left out of cp_unwind_here's stacks. By the constructor. */
void cp_unwind_init(uint64_t own_start, uint64_t own_end);
/* Brings libunwind in; the table must live as long as the process. By the constructor. */
void cp_unwind_use(const struct cp_libunwind *functions);

/* Return addresses of the calling thread, innermost first, from the first frame outside our own
 * code. For calls of ours by the application, which stand at call sites: there libunwind's fast way
 * serves, which believes tables that it has cached (it still tests what it had to guess). Gives how
 * many, at most max. Says in *flags how the walk ended: CP_ROW_TRUNCATED, CP_ROW_GAP,
 * CP_ROW_ENDED_EARLY, or nothing when it reached the root (or libunwind's fast way did not tell).
 * 0 if this thread is unwinding already. apart: what cp_apart gave, from which stack this is
 * called; NULL: from the thread's own. */
size_t cp_unwind_here(const struct cp_apart *apart, uint64_t *pcs, size_t max, unsigned *flags);
/* The same for the code that a signal interrupted; pcs[0] is its pc, no return address. For a
 * handler that has all signals blocked. */
size_t cp_unwind_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags);

/* As cp_unwind_here, on the thread's own stack, which ends at `high`; nothing is held, so it may be
 * left by a jump. 0: cp_unwind_here must do it. */
size_t cp_unwind_near(const void *frame, uint64_t high, uint64_t *pcs, size_t max, unsigned *flags);

/* Readies the calling thread for libunwind; without it, it has frame pointers only. The process's
 * first call may allocate, later ones do not. From ordinary context, outside malloc's locks. */
void cp_unwind_warm(void);
/* The calling thread ends: from here on frame pointers only. */
void cp_unwind_thread_end(void);
/* Code was unloaded: libunwind forgets what it knows by address. From ordinary context. */
void cp_unwind_forget(void);

/* Is any thread unwinding with libunwind at this moment? */
int cp_unwind_active_now(void);
/* Never again libunwind in this process: its locks may be held for ever. */
void cp_unwind_forbid_libunwind(void);
/* In a forked child: if another thread was unwinding, libunwind is forbidden. */
void cp_unwind_forked(void);

/* While this thread unwinds, libunwind's calls of libc are answered by us (life/libunwind.c). */
int cp_unwind_inside(void);
/* And it does so with signals blocked. */
int cp_unwind_undisturbed(void);
