/* unwind.c - frames by tables (libunwind) where that is safe, else by frame pointers. */
/* SPDX-License-Identifier: MIT */
#include "signal/unwind.h"

#include <stdatomic.h>
#include <ucontext.h>

#include "base/attrs.h"
#include "base/recording.h"
#include "signal/modules.h"
#include "signal/probe.h"

#include "signal/law.h"

/* A frame larger than this is not believed to be one. */
#define FRAME_MAX   (UINT64_C(1) << 20)
#define LOWEST_CODE UINT64_C(4096)

static struct {
	uint64_t own_start, own_end; /* by the constructor */
	struct cp_tables tables;
	_Atomic uint32_t forbidden; /* by a forked child */
	_Atomic uint32_t active;
} unwinder;

enum { COLD, WARM, BUSY, OVER };
static CP_TLS int mood; /* the thread's; its handlers see and keep it */

void cp_unwind_init(uint64_t own_start, uint64_t own_end)
{
	unwinder.own_start = own_start;
	unwinder.own_end = own_end;
}

void cp_unwind_use(const struct cp_tables *tables)
{
	unwinder.tables = *tables;
}

static int own(uint64_t pc)
{
	return pc >= unwinder.own_start && pc < unwinder.own_end;
}

/* ---- frame pointers ---- */

struct frame {
	uint64_t next;
	uint64_t pc;
};

/* Both ABIs keep the caller's frame pointer and the return address side by side. Only what is
 * proven readable is read, a page once. */
static const struct frame *frame_at(uint64_t fp, uint64_t *proven)
{
	uint64_t last = fp + sizeof(struct frame) - 1;

	if (fp < LOWEST_CODE || (fp & 7) != 0)
		return NULL;
	if (fp >> 12 != *proven && !cp_readable(fp))
		return NULL;
	if (last >> 12 != fp >> 12 && !cp_readable(last))
		return NULL;
	*proven = last >> 12;
	return (const struct frame *)fp;
}

static size_t by_frames(uint64_t fp, uint64_t *pcs, size_t n, size_t max, unsigned *flags)
{
	uint64_t proven = 0;
	const struct frame *f;

	while ((f = frame_at(fp, &proven))) {
		if (f->pc < LOWEST_CODE)
			break;
		if (n == max) {
			*flags |= CP_ROW_TRUNCATED;
			break;
		}
		if (!own(f->pc))
			pcs[n++] = f->pc;
		if (f->next <= fp || f->next - fp > FRAME_MAX)
			break;
		fp = f->next;
	}
	return n;
}

static uint64_t context_pc(const ucontext_t *uc)
{
#ifdef __x86_64__
	return (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
#else
	return uc->uc_mcontext.pc;
#endif
}

static uint64_t context_fp(const ucontext_t *uc)
{
#ifdef __x86_64__
	return (uint64_t)uc->uc_mcontext.gregs[REG_RBP];
#else
	return uc->uc_mcontext.regs[29];
#endif
}

/* ---- tables ---- */

/* Everything from the caller's frame to the root. 0: not now, not here. Never nested on a thread: a
 * handler that comes in between finds BUSY (libunwind's cache of this thread is being changed). */
static size_t by_tables(uint64_t *pcs, size_t max)
{
	int n;

	if (mood != WARM || cp_modules_changing() ||
	    atomic_load_explicit(&unwinder.forbidden, memory_order_relaxed))
		return 0;
	mood = BUSY;
	atomic_signal_fence(memory_order_seq_cst);
	atomic_fetch_add_explicit(&unwinder.active, 1, memory_order_seq_cst);
	n = unwinder.tables.backtrace((void **)pcs, (int)max);
	atomic_fetch_sub_explicit(&unwinder.active, 1, memory_order_seq_cst);
	atomic_signal_fence(memory_order_seq_cst);
	mood = WARM;
	return n > 0 ? (size_t)n : 0;
}

/* Drops the first `skip`, and our own frames among the rest. */
static size_t keep(uint64_t *pcs, size_t n, size_t skip)
{
	size_t kept = 0;

	for (size_t i = skip; i < n; i++)
		if (!own(pcs[i]) && pcs[i] >= LOWEST_CODE)
			pcs[kept++] = pcs[i];
	return kept;
}

size_t cp_unwind_here(uint64_t *pcs, size_t max, unsigned *flags)
{
	size_t n = by_tables(pcs, max), kept = keep(pcs, n, 0);

	*flags = n == max ? CP_ROW_TRUNCATED : 0;
	if (kept)
		return kept;
	*flags = 0;
	return by_frames((uint64_t)__builtin_frame_address(0), pcs, 0, max, flags);
}

/* The walk begins in our own handler and passes the kernel's signal frame: what lies behind it
 * starts with the interrupted pc, to the bit. If it is not met, the walk went astray. */
size_t cp_unwind_context(const void *context, uint64_t *pcs, size_t max, unsigned *flags)
{
	const ucontext_t *uc = context;
	uint64_t pc = context_pc(uc);
	size_t n = by_tables(pcs, max), skip = 0;

	while (skip < n && pcs[skip] != pc)
		skip++;
	*flags = n == max ? CP_ROW_TRUNCATED : 0;
	/* A single frame of tables may be code without any: frame pointers may know more. */
	if (n - skip > 1)
		return keep(pcs, n, skip);
	*flags = 0;
	pcs[0] = pc;
	return by_frames(context_fp(uc), pcs, 1, max, flags);
}

/* ---- a thread's and a process's turns ---- */

void cp_unwind_warm(void)
{
	void *pcs[8];

	if (mood != COLD || !unwinder.tables.backtrace)
		return;
	mood = BUSY;
	unwinder.tables.backtrace(pcs, 8);
	mood = WARM;
}

void cp_unwind_thread_end(void)
{
	mood = OVER;
}

void cp_unwind_forget(void)
{
	if (unwinder.tables.flush &&
	    !atomic_load_explicit(&unwinder.forbidden, memory_order_relaxed))
		unwinder.tables.flush();
}

unsigned cp_unwind_active_now(void)
{
	return atomic_load_explicit(&unwinder.active, memory_order_seq_cst);
}

void cp_unwind_forked(void)
{
	if (atomic_exchange_explicit(&unwinder.active, 0, memory_order_seq_cst))
		atomic_store_explicit(&unwinder.forbidden, 1, memory_order_relaxed);
}
