/* frames.c - proving pages, and the caller of code without tables. */
/* SPDX-License-Identifier: MIT */
#include "signal/frames.h"

#include "signal/probe.h"
#include "signal/tables.h"

#include "signal/law.h"

#define PAGE	  UINT64_C(4096)
#define FRAME_MAX (UINT64_C(1) << 20) /* a larger step up is a scratch register, not a frame */

/* Aligned words never reach into the next page, so only such are loaded. */
CP_NOINLINE int cp_prove(struct cp_proven *proven, uint64_t at)
{
	uint64_t page = at & ~(PAGE - 1);

	if (at % 8 != 0 || at < CP_NO_CODE || page > UINT64_MAX - 2 * PAGE)
		return 0;
	if (at >= proven->low && at < proven->high)
		return 1;
	if (!cp_readable(at))
		return 0;
	if (page == proven->high) {
		proven->high += PAGE;
	} else {
		proven->low = page;
		proven->high = page + PAGE;
	}
	return 1;
}

/* Whether the bytes before a return address are a call. Code of a known module is mapped, and in
 * all but name readable. */
static int follows_call(uint64_t back)
{
	struct cp_segment t;
	const unsigned char *p = (const unsigned char *)(uintptr_t)back;

	if (!cp_tables_find(back - 1, &t) || back - t.start < 8 || !cp_readable(back - 8) ||
	    !cp_readable(back - 1))
		return 0;
#if defined(__x86_64__)
	if (p[-5] == 0xe8)
		return 1;
	/* call *register, or *memory with a displacement of 0, 1 or 4 bytes, with or without an
	 * index: ff, and 2 in the middle of the byte after it. */
	for (int back_by = 2; back_by <= 7; back_by++)
		if (p[-back_by] == 0xff && (p[-back_by + 1] & 0x38) == 0x10)
			return 1;
	return 0;
#else
	{
		uint32_t word;

		memcpy(&word, p - 4, sizeof word);
		return (word & 0xfc000000) == 0x94000000 || (word & 0xfffffc1f) == 0xd63f0000;
	}
#endif
}

static int in_module(uint64_t pc)
{
	struct cp_segment t;

	return cp_tables_find(pc, &t);
}

int cp_is_code(uint64_t pc)
{
	return pc >= CP_NO_CODE && (in_module(pc) || cp_readable(pc));
}

static int may_be_caller(uint64_t back)
{
	return cp_is_code(back) && (!in_module(back) || follows_call(back));
}

static int by_fp(struct cp_proven *proven, struct cp_guess *g)
{
	uint64_t next, back;

	if (g->fp < g->sp || g->fp - g->sp > FRAME_MAX || !cp_load(proven, g->fp, &next) ||
	    !cp_load(proven, g->fp + 8, &back))
		return 0;
	back = CP_PLAIN(back);
	if (!may_be_caller(back))
		return 0;
	/* On x86-64 the pair lies at the frame's upper end, on aarch64 at the lower. */
	g->sp = g->fp + 16;
	g->sp_is = CP_RETURN < CP_SP ? CP_SP_LEAST : CP_SP_GUESSED;
	g->fp = next;
	g->pc = back;
	return 1;
}

static int just_called(struct cp_proven *proven, struct cp_guess *g)
{
	uint64_t back;

#if defined(__x86_64__)
	if (!cp_load(proven, g->sp, &back) || !follows_call(back))
		return 0;
	g->sp += 8;
#else
	back = CP_PLAIN(g->lr);
	(void)proven;
	if (!follows_call(back))
		return 0;
#endif
	g->pc = back;
	return 1;
}

#if defined(__x86_64__)
#define CODE_LOOKED_AT 16

/* A thunk calls on and does no more: its next instructions are add $n, %rsp; some pop; ret, and say
 * where its caller is. So are CPython's trampolines for perf, one for each function, which keep no
 * frame pointer. Asked in code that was called by code with tables, not in each frame of a JIT's.
 */
static int by_way_out(struct cp_proven *proven, struct cp_guess *g)
{
	unsigned char code[CODE_LOOKED_AT];
	uint64_t sp = g->sp, fp = g->fp, back;
	unsigned at = 0;

	if (in_module(g->pc) || !cp_peek(code, (const void *)(uintptr_t)g->pc, sizeof code))
		return 0;
	if (code[0] == 0x48 && code[1] == 0x83 && code[2] == 0xc4 && code[3] < 0x80) {
		sp += code[3];
		at = 4;
	}
	for (; at < CODE_LOOKED_AT - 2; at++, sp += 8) {
		unsigned wide = code[at] == 0x41, pop = code[at + wide]; /* r8 to r15 */

		if (pop < 0x58 || pop > 0x5f || (!wide && pop == 0x5c)) /* none, or into rsp */
			break;
		if (!wide && pop == 0x5d && !cp_load(proven, sp, &fp))
			return 0;
		at += wide;
	}
	if (code[at] != 0xc3 || !cp_load(proven, sp, &back) || !may_be_caller(back))
		return 0;
	*g = (struct cp_guess){back, sp + 8, fp, 0, CP_SP_PROVEN};
	return 1;
}
#else
static int by_way_out(struct cp_proven *proven, struct cp_guess *g)
{
	(void)proven;
	(void)g;
	return 0;
}
#endif

int cp_guess_caller(struct cp_proven *proven, struct cp_guess *g, int first)
{
	if (first ? just_called(proven, g) : g->sp_is == CP_SP_PROVEN && by_way_out(proven, g))
		return 1;
	return by_fp(proven, g);
}
