/* unwind_fp.c - the chain of saved frame pointers, each link proven before it is followed. */
/* SPDX-License-Identifier: MIT */
#include "signal/unwind_fp.h"

#include <string.h>
#include <ucontext.h>

#include "base/attrs.h"
#include "base/recording.h"
#include "signal/probe.h"

#include "signal/law.h"

#define FRAME_MAX (UINT64_C(1) << 20) /* a larger step up is a scratch register, not a frame */
#define NO_CODE	  UINT64_C(65536)     /* vm.mmap_min_addr: nothing is ever mapped below */

#if defined(__aarch64__)
/* Return addresses may carry a signature in the bits that addresses do not use. */
#define PLAIN(pc) ((pc)&UINT64_C(0x0000ffffffffffff))
#else
#define PLAIN(pc) (pc)
#endif

/* The page that was proven last: frames lie close together. */
struct proven {
	uint64_t page;
};

/* What the kernel lets us read is read, even where a sanitizer has put something of its own. */
__attribute__((no_sanitize("address"))) static int load(struct proven *proven, uint64_t at,
							uint64_t *value)
{
	uint64_t page = at & ~UINT64_C(4095);

	if (page != proven->page) {
		if (!cp_readable(at))
			return 0;
		proven->page = page;
	}
	memcpy(value, (const void *)(uintptr_t)at, sizeof *value);
	return 1;
}

struct skip {
	uint64_t start, end;
};

struct frame {
	uint64_t sp, fp;
};

/* Appends to the n addresses there are. The chain only climbs, so it ends: by a zero, which the ABI
 * has at the root, or astray. */
static size_t climb(struct frame at, struct skip own, size_t n, uint64_t *pcs, size_t max,
		    unsigned *flags)
{
	uint64_t sp = at.sp, fp = at.fp;
	struct proven proven = {.page = 1};
	uint64_t next, pc;

	while (fp >= sp && fp - sp < FRAME_MAX && fp % 8 == 0) {
		if (!load(&proven, fp, &next) || !load(&proven, fp + 8, &pc))
			break;
		pc = PLAIN(pc);
		if (pc < NO_CODE) {
			fp = pc;
			break;
		}
		if (n == max) {
			*flags |= CP_ROW_TRUNCATED;
			return n;
		}
		if (n || pc < own.start || pc >= own.end)
			pcs[n++] = pc;
		sp = fp + 16;
		fp = next;
	}
	*flags |= fp == 0 ? 0 : CP_ROW_ENDED_EARLY;
	return n;
}

size_t cp_fp_from(const void *frame, uint64_t own_start, uint64_t own_end, uint64_t *pcs,
		  size_t max, unsigned *flags)
{
	uint64_t fp = (uint64_t)(uintptr_t)frame;
	struct skip own = {own_start, own_end};

	return climb((struct frame){fp, fp}, own, 0, pcs, max, flags);
}

size_t cp_fp_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags)
{
	const ucontext_t *uc = ucontext;
	struct skip none = {0, 0};
	uint64_t pc, sp, fp;

#if defined(__aarch64__)
	pc = uc->uc_mcontext.pc;
	sp = uc->uc_mcontext.sp;
	fp = uc->uc_mcontext.regs[29];
#else
	pc = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
	sp = (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
	fp = (uint64_t)uc->uc_mcontext.gregs[REG_RBP];
#endif
	pcs[0] = pc;
	return climb((struct frame){sp, fp}, none, 1, pcs, max, flags);
}
