/* frames.h - what both ways of our unwinder share: proven loads, ways out of handlers, guesses. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <string.h>

#include "base/attrs.h"
#include "signal/cfi.h"

#if defined(__aarch64__)
/* Return addresses may carry a signature in the bits that addresses do not use. */
#define CP_PLAIN(pc) ((pc)&UINT64_C(0x0000ffffffffffff))
#else
#define CP_PLAIN(pc) (pc)
#endif

/* Nothing is ever mapped below (vm.mmap_min_addr). */
#define CP_NO_CODE UINT64_C(65536)

/* As a return address: here the stack begins (a thread's that was made by hand, or a fiber's). */
#define CP_NO_CALLER UINT64_C(0)

/* Frames of our own before the first other: no call of ours is as deep, but stacks may lie. */
#define CP_OWN_FRAMES 64

/* The pages that this walk has found readable; they lie side by side. A stack may be gone by the
 * next walk, so each walk asks anew: 65 ns a page, and frames lie close together. */
struct cp_proven {
	uint64_t low, high;
};

/* Our own frame lies there now. */
static inline struct cp_proven cp_proven_at(const void *frame)
{
	uint64_t page = (uint64_t)(uintptr_t)frame & ~UINT64_C(4095);

	return (struct cp_proven){page, page + 4096};
}

int cp_prove(struct cp_proven *proven, uint64_t at);

/* What the kernel lets us read is read, even where a sanitizer has put something of its own. */
__attribute__((no_sanitize("address"))) static inline int cp_load(struct cp_proven *proven,
								  uint64_t at, uint64_t *value)
{
	if (CP_UNLIKELY(at % 8 != 0 || at < proven->low || at >= proven->high) &&
	    !cp_prove(proven, at))
		return 0;
	memcpy(value, (const void *)(uintptr_t)at, sizeof *value);
	return 1;
}

/* Where the kernel put the interrupted code's context, by the stack pointer on a handler's way out:
 * arch/x86/include/asm/sigframe.h, arch/arm64/kernel/signal.c (siginfo, then ucontext). */
#if defined(__x86_64__)
enum { CP_UC_REGS = 40, CP_UC_FP = 40 + 10 * 8, CP_UC_SP = 40 + 15 * 8, CP_UC_PC = 40 + 16 * 8 };
static inline uint64_t cp_signal_context(uint64_t sp)
{
	return sp;
}
#else
enum {
	CP_UC_REGS = 184,
	CP_UC_FP = 184 + 29 * 8,
	CP_UC_LR = 184 + 30 * 8,
	CP_UC_SP = 184 + 31 * 8,
	CP_UC_PC = 184 + 32 * 8
};
static inline uint64_t cp_signal_context(uint64_t sp)
{
	return sp + 128;
}
#endif

/* Whether code may be there: in a module, or at least in memory that is mapped (a JIT's). */
int cp_is_code(uint64_t pc);

/* What is known of a frame's stack pointer: that a table says so; that a frame pointer does; that
 * it is this or higher (aarch64, by frame pointer). */
enum cp_sp_is { CP_SP_PROVEN, CP_SP_GUESSED, CP_SP_LEAST };

/* A frame of code that no table speaks of. */
struct cp_guess {
	uint64_t pc, sp, fp, lr;
	enum cp_sp_is sp_is;
};

/* Its caller: a leaf that has only just been called, a thunk that is about to return, or one that
 * keeps frame pointers. 1: *g is the caller; 0: nothing plausible. first: the code was interrupted,
 * it is not a caller itself. */
int cp_guess_caller(struct cp_proven *proven, struct cp_guess *g, int first);
