/* unwind_own.c - frame by frame: a rule of one word each, nearly always from the cache. */
/* SPDX-License-Identifier: MIT */
#include "signal/unwind_own.h"

#include <ucontext.h>

#include "base/attrs.h"
#include "signal/frames.h"
#include "signal/step.h"
#include "signal/trail.h"
#include "signal/unwind_all.h"

#include "signal/law.h"

enum { ENDED, GOES_ON, NEEDS_ALL, ASTRAY, AT_ROOT };

/* What is followed on the fast way. */
struct fast {
	uint64_t pc, sp, fp, lr, epoch;
	int exact; /* pc is where it stands, not where it will return to */
	int first; /* lr is good */
	int own;   /* still in our own code, which changes stacks (signal/stack.h) */
	enum cp_sp_is sp_is;
};

static int by_word(struct fast *f, struct cp_proven *p, cp_word w)
{
	uint64_t cfa = (cp_word_by_fp(w) ? f->fp : f->sp) + (uint64_t)cp_word_cfa(w);
	uint64_t back = f->lr;

	if (cfa <= f->sp && !f->own && !(f->first && cfa == f->sp && !cp_word_return_saved(w)))
		return ENDED;
	if (cp_word_return_saved(w)) {
		if (!cp_load(p, cfa + (uint64_t)cp_word_return(w), &back))
			return ENDED;
	} else if (!f->first) {
		return ENDED;
	}
	if (cp_word_fp_saved(w) && !cp_load(p, cfa + (uint64_t)cp_word_fp(w), &f->fp))
		return ENDED;
	f->pc = CP_PLAIN(back);
	if (CP_UNLIKELY(f->pc < CP_NO_CODE))
		return f->pc == CP_NO_CALLER ? AT_ROOT : ENDED;
	f->sp = cfa;
	f->sp_is = CP_SP_PROVEN;
	f->exact = 0;
	return GOES_ON;
}

/* Out of a handler: pc, sp and fp of what it interrupted. */
static int out_of_signal(struct fast *f, struct cp_proven *p)
{
	uint64_t uc = cp_signal_context(f->sp);

	if (f->sp_is == CP_SP_LEAST || !cp_load(p, uc + CP_UC_PC, &f->pc) ||
	    !cp_load(p, uc + CP_UC_FP, &f->fp) || !cp_load(p, uc + CP_UC_SP, &f->sp))
		return ENDED;
#if defined(__aarch64__)
	if (!cp_load(p, uc + CP_UC_LR, &f->lr))
		return ENDED;
#endif
	f->exact = 1;
	f->first = 1;
	return GOES_ON;
}

static int by_guess(struct fast *f, struct cp_proven *p)
{
	struct cp_guess g = {f->pc, f->sp, f->fp, f->lr, f->sp_is};

	if (!cp_guess_caller(p, &g, f->first))
		return ENDED;
	f->pc = g.pc;
	f->sp = g.sp;
	f->fp = g.fp;
	f->sp_is = g.sp_is;
	f->exact = 0;
	return GOES_ON;
}

static int step(struct fast *f, struct cp_proven *p, struct cp_trail *trail)
{
	cp_word w = cp_step_of(f->exact ? f->pc : f->pc - 1, f->epoch);
	int went;

	if (CP_LIKELY(cp_word_kind(w) == CP_STEP_FRAME &&
		      (f->sp_is != CP_SP_LEAST || cp_word_by_fp(w)))) {
		went = by_word(f, p, w);
		f->first = 0;
		return went;
	}
	/* A handler returns to the way out's first byte, before which another function may end. */
	if (!f->exact && cp_word_kind(cp_step_of(f->pc, f->epoch)) == CP_STEP_SIGNAL)
		return out_of_signal(f, p);
	switch (cp_word_kind(w)) {
	case CP_STEP_SIGNAL:
		return out_of_signal(f, p);
	case CP_STEP_FULL:
		return NEEDS_ALL;
	case CP_STEP_END:
		return AT_ROOT;
	case CP_STEP_UNKNOWN:
		if (!cp_is_code(f->pc))
			return ASTRAY; /* the last step led here, and was wrong */
		trail->stranger = 1;
		/* fall through */
	default:
		if (!f->exact && cp_step_is_entry(f->pc, f->epoch))
			return AT_ROOT;
		went = by_guess(f, p);
		f->first = 0;
		return went;
	}
}

struct range {
	uint64_t start, end;
};

/* How the fast way went: it is done, or the whole stack must be walked again with all registers. */
static int walk(struct fast f, struct cp_proven proven, struct range own, struct cp_trail *trail)
{
	int went = GOES_ON, ours = 0;

	f.epoch = atomic_load_explicit(&cp_tables_epoch, memory_order_acquire);
	while (went == GOES_ON) {
		f.own = !trail->n && f.pc >= own.start && f.pc < own.end;
		if (f.own ? ++ours > CP_OWN_FRAMES
			  : !cp_trail_add(trail, cp_trail_pc(trail, f.pc, f.exact)))
			break;
		went = step(&f, &proven, trail);
	}
	if (went == ASTRAY)
		cp_trail_drop(trail);
	trail->at_root = went == AT_ROOT;
	return went;
}

#if defined(__x86_64__)
static void registers_of(const ucontext_t *uc, struct cp_start *start)
{
	static const unsigned char place[] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI,
					      REG_RBP, REG_RSP, REG_R8,	 REG_R9,  REG_R10, REG_R11,
					      REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};

	for (unsigned i = 0; i < CP_REGISTERS; i++)
		start->registers.value[i] = (uint64_t)uc->uc_mcontext.gregs[place[i]];
	start->pc = start->registers.value[CP_RETURN];
}

/* What a caller's frames may have saved, as it is here. */
#define REGISTERS_HERE(start)                                                                      \
	__asm__ volatile("leaq 0(%%rip), %%rax\n\t"                                                \
			 "movq %%rax, %[pc]\n\t"                                                   \
			 "movq %%rbx, 3*8(%[r])\n\t"                                               \
			 "movq %%rbp, 6*8(%[r])\n\t"                                               \
			 "movq %%rsp, 7*8(%[r])\n\t"                                               \
			 "movq %%r12, 12*8(%[r])\n\t"                                              \
			 "movq %%r13, 13*8(%[r])\n\t"                                              \
			 "movq %%r14, 14*8(%[r])\n\t"                                              \
			 "movq %%r15, 15*8(%[r])"                                                  \
			 : [pc] "=m"((start).pc)                                                   \
			 : [r] "r"((start).registers.value)                                        \
			 : "rax", "memory");                                                       \
	(start).registers.known = 0xf0c8
#else
static void registers_of(const ucontext_t *uc, struct cp_start *start)
{
	for (unsigned i = 0; i < 31; i++)
		start->registers.value[i] = uc->uc_mcontext.regs[i];
	start->registers.value[CP_SP] = uc->uc_mcontext.sp;
	start->pc = uc->uc_mcontext.pc;
}

#define REGISTERS_HERE(start)                                                                      \
	__asm__ volatile("adr x9, .\n\t"                                                           \
			 "str x9, %[pc]\n\t"                                                       \
			 "stp x19, x20, [%[r], #19*8]\n\t"                                         \
			 "stp x21, x22, [%[r], #21*8]\n\t"                                         \
			 "stp x23, x24, [%[r], #23*8]\n\t"                                         \
			 "stp x25, x26, [%[r], #25*8]\n\t"                                         \
			 "stp x27, x28, [%[r], #27*8]\n\t"                                         \
			 "stp x29, x30, [%[r], #29*8]\n\t"                                         \
			 "mov x9, sp\n\t"                                                          \
			 "str x9, [%[r], #31*8]"                                                   \
			 : [pc] "=m"((start).pc)                                                   \
			 : [r] "r"((start).registers.value)                                        \
			 : "x9", "memory");                                                        \
	(start).registers.known = 0xfff80000
#endif

/* With all registers, through our own frames. */
static CP_NOINLINE size_t all_here(struct range own, uint64_t *pcs, size_t max, unsigned *flags)
{
	struct cp_start start;

	start.own_start = own.start;
	start.own_end = own.end;
	REGISTERS_HERE(start);
	return cp_all_walk(&start, pcs, max, flags);
}

/* Where the walk begins: in the caller of the function with this frame; from a frame pointer alone
 * nobody knows that one's stack pointer on aarch64, so there it begins here. */
#if defined(__x86_64__)
#define FAST_HERE(f, frame)                                                                        \
	do {                                                                                       \
		const uint64_t *saved_ = frame;                                                    \
		(f).pc = saved_[1];                                                                \
		(f).sp = (uint64_t)(uintptr_t)(saved_ + 2);                                        \
		(f).fp = saved_[0];                                                                \
	} while (0)
#else
#define FAST_HERE(f, frame)                                                                        \
	do {                                                                                       \
		struct cp_start here_;                                                             \
		REGISTERS_HERE(here_);                                                             \
		(f).pc = here_.pc;                                                                 \
		(f).sp = here_.registers.value[CP_SP];                                             \
		(f).fp = here_.registers.value[CP_FP];                                             \
		(f).exact = 1;                                                                     \
	} while (0)
#endif

CP_NOINLINE size_t cp_own_here(const void *frame, uint64_t own_start, uint64_t own_end,
			       uint64_t *pcs, size_t max, unsigned *flags)
{
	struct range own = {own_start, own_end};
	struct fast f = {.pc = 0};
	struct cp_trail trail = {.pcs = pcs, .max = max};

	FAST_HERE(f, frame);
	if (walk(f, cp_proven_at(frame), own, &trail) == NEEDS_ALL)
		return all_here(own, pcs, max, flags);
	return cp_trail_end(&trail, flags);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the trail writes there */
CP_NOINLINE size_t cp_own_near(const struct cp_own_place *place, uint64_t *pcs, size_t max,
			       unsigned *flags)
{
	struct range own = {place->own_start, place->own_end};
	struct fast f = {.pc = 0};
	struct cp_trail trail = {.pcs = pcs, .max = max};
	struct cp_proven proven = cp_proven_at(place->frame);

	FAST_HERE(f, place->frame);
	proven.high = place->high;
	if (walk(f, proven, own, &trail) == NEEDS_ALL || trail.stranger)
		return 0;
	return cp_trail_end(&trail, flags);
}

size_t cp_own_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags)
{
	struct cp_start start = {.pc = 0};
	struct range none = {0, 0};
	struct fast f = {.exact = 1, .first = 1};
	struct cp_trail trail = {.pcs = pcs, .max = max};

	registers_of(ucontext, &start);
	f.pc = start.pc;
	f.sp = start.registers.value[CP_SP];
	f.fp = start.registers.value[CP_FP];
	f.lr = start.registers.value[CP_RETURN];
	if (walk(f, (struct cp_proven){0, 0}, none, &trail) != NEEDS_ALL)
		return cp_trail_end(&trail, flags);
	start.registers.known = ~UINT64_C(0);
	return cp_all_walk(&start, pcs, max, flags);
}
