/* unwind.c - which way a stack is walked: by libunwind's tables, else by frame pointers. */
/* SPDX-License-Identifier: MIT */
#include "signal/unwind.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/recording.h"
#include "signal/apart.h"
#include "signal/modules.h"
#include "signal/probe.h"
#include "signal/step.h"
#include "signal/tables.h"
#include "signal/unwind_fp.h"
#include "signal/unwind_own.h"

#include "signal/law.h"

#define CURSOR_WORDS 128 /* x86-64: 127, part of its ABI */
#define SIGNAL_FRAME 1	 /* UNW_INIT_SIGNAL_FRAME: the first pc is no return address */
#define REG_PC	     16	 /* UNW_X86_64_RIP */

static struct {
	uint64_t own_start, own_end;				      /* by the constructor */
	int (*access_mem)(void *, uint64_t, uint64_t *, int, void *); /* libunwind's; likewise */
	const struct cp_libunwind *lib; /* by the constructor; NULL: not there */
	int by_own;			/* by the constructor: by our own tables' reader */
	_Atomic uint32_t warm;		/* set up: by the constructor's thread */
	_Atomic uint32_t forbidden;
	_Atomic uint32_t active; /* threads inside libunwind */
} unwind;

/* libunwind's cursor is too large for a handler's stack; a thread unwinds once at a time, so one
 * will do. */
enum { IN_CALL = 1, UNDISTURBED };
static CP_TLS struct {
	int inside;
	int warm;
	uint64_t proven; /* the page of this unwind's last load, + 1 */
	uint64_t cursor[CURSOR_WORDS];
} own;

void cp_unwind_init(uint64_t own_start, uint64_t own_end)
{
	unwind.own_start = own_start;
	unwind.own_end = own_end;
}

void cp_unwind_use_own(void)
{
	unwind.by_own = 1;
	cp_step_open();
}

int cp_unwind_inside(void)
{
	return own.inside;
}

int cp_unwind_undisturbed(void)
{
	return own.inside == UNDISTURBED;
}

int cp_unwind_active_now(void)
{
	return atomic_load_explicit(&unwind.active, memory_order_acquire) != 0;
}

void cp_unwind_forbid_libunwind(void)
{
	atomic_store_explicit(&unwind.forbidden, 1, memory_order_relaxed);
}

void cp_unwind_forked(void)
{
	uint32_t others = atomic_load_explicit(&unwind.active, memory_order_relaxed);

	if (others != 0)
		cp_unwind_forbid_libunwind();
	atomic_store_explicit(&unwind.active, 0, memory_order_relaxed);
}

/* Half-loaded modules have half-written tables. */
static int by_tables(void)
{
	return own.warm && unwind.lib &&
	       !atomic_load_explicit(&unwind.forbidden, memory_order_relaxed) &&
	       !cp_modules_changing();
}

/* The frames of this cursor. Of the last, libunwind says whether it has no caller, or none that
 * could be found. */
static size_t walk(uint64_t *pcs, size_t max, unsigned *flags)
{
	const struct cp_libunwind *lib = unwind.lib;
	size_t n = 0;
	uint64_t pc;
	int went = 1;

	while (went > 0 && (went = lib->get_reg(own.cursor, REG_PC, &pc)) >= 0 && pc != 0) {
		if (n == max) {
			*flags |= CP_ROW_TRUNCATED;
			return n;
		}
		pcs[n++] = pc;
		went = lib->step(own.cursor);
	}
	*flags |= went < 0 ? CP_ROW_ENDED_EARLY : 0;
	return n;
}

static size_t walk_by_tables(void *context, uint64_t *pcs, size_t max, unsigned *flags)
{
	size_t n = 0;

	atomic_fetch_add_explicit(&unwind.active, 1, memory_order_seq_cst);
	if (unwind.lib->init(own.cursor, context, SIGNAL_FRAME) == 0)
		n = walk(pcs, max, flags);
	atomic_fetch_sub_explicit(&unwind.active, 1, memory_order_release);
	return n;
}

/* Our own frames, which come first, are dropped. How it ended is not told. */
static size_t trace_by_tables(uint64_t *pcs, size_t max, unsigned *flags)
{
	size_t n, skip = 0;
	int got;

	atomic_fetch_add_explicit(&unwind.active, 1, memory_order_seq_cst);
	got = unwind.lib->backtrace((void **)pcs, (int)max);
	atomic_fetch_sub_explicit(&unwind.active, 1, memory_order_release);
	n = got > 0 ? (size_t)got : 0;
	if (n == max)
		*flags |= CP_ROW_TRUNCATED;
	while (skip < n && pcs[skip] >= unwind.own_start && pcs[skip] < unwind.own_end)
		skip++;
	memmove(pcs, pcs + skip, (n - skip) * sizeof *pcs);
	return n - skip;
}

static uint64_t page_of(uint64_t at)
{
	return at & ~UINT64_C(4095);
}

/* The guard: a signal that comes while this thread unwinds finds it taken. */
static int enter(int how)
{
	if (own.inside)
		return 0;
	own.inside = how;
	own.proven = page_of((uint64_t)(uintptr_t)__builtin_frame_address(0)) + 1;
	atomic_signal_fence(memory_order_seq_cst);
	return 1;
}

static void leave(int saved)
{
	atomic_signal_fence(memory_order_seq_cst);
	own.inside = 0;
	errno = saved;
}

#define LOWEST 65536 /* nothing is mapped below; cp_readable(0) would say yes (no set to read) */

static int is_proven(uint64_t at)
{
	if (own.proven == page_of(at) + 1)
		return 1;
	if (!cp_readable(at))
		return 0;
	own.proven = page_of(at) + 1;
	return 1;
}

/* Every load of libunwind from a stack. Its own test is not enough: it remembers pages after they
 * are unmapped, and overlooks a load that reaches into the next page. */
static int access_mem(void *space, uint64_t at, uint64_t *value, int is_write, void *arg)
{
	if (!own.inside || is_write)
		return unwind.access_mem(space, at, value, is_write, arg);
	if (at < LOWEST || at > UINT64_MAX - 8 || !is_proven(at) || !is_proven(at + 7))
		return -1;
	memcpy(value, (const void *)(uintptr_t)at, sizeof *value);
	return 0;
}

#define ACCESS_MEM 3 /* its place in unw_accessors_t, part of the ABI */
/* Asking for the accessors makes libunwind set itself up: behind the guard, so it opens no pipe. */
void cp_unwind_use(const struct cp_libunwind *functions)
{
	int saved = errno;
	void **table;

	if (!enter(IN_CALL))
		return;
	table = functions->accessors(functions->space);
	memcpy(&unwind.access_mem, &table[ACCESS_MEM], sizeof unwind.access_mem);
	table[ACCESS_MEM] = (void *)access_mem;
	unwind.lib = functions;
	leave(saved);
}

/* How a walk ended, in flags: of the one that counts. */
#define HOW_IT_ENDED ((unsigned)(CP_ROW_TRUNCATED | CP_ROW_ENDED_EARLY | CP_ROW_GAP))

/* A library that has just been loaded is not in our list yet: then the list is brought up to date,
 * and the stack is walked again. 1: it is worth it. */
static int has_met_news(const uint64_t *pcs, size_t n, unsigned *flags)
{
	struct cp_segment found;

	*flags &= ~CP_OWN_STRANGER;
	for (size_t i = 0; i < n; i++)
		if (pcs[i] < CP_FRAME_GAP && !cp_tables_find(pcs[i] - (i > 0), &found))
			return cp_modules_look_for(pcs[i]);
	return 0;
}

static size_t own_here(const void *frame, uint64_t *pcs, size_t max, unsigned *flags)
{
	size_t n = cp_own_here(frame, unwind.own_start, unwind.own_end, pcs, max, flags);

	if (CP_UNLIKELY(*flags & CP_OWN_STRANGER) && has_met_news(pcs, n, flags)) {
		*flags &= ~HOW_IT_ENDED;
		n = cp_own_here(frame, unwind.own_start, unwind.own_end, pcs, max, flags);
		*flags &= ~CP_OWN_STRANGER;
	}
	return n;
}

static size_t own_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags)
{
	size_t n = cp_own_context(ucontext, pcs, max, flags);

	if (CP_UNLIKELY(*flags & CP_OWN_STRANGER) && has_met_news(pcs, n, flags)) {
		*flags &= ~HOW_IT_ENDED;
		n = cp_own_context(ucontext, pcs, max, flags);
		*flags &= ~CP_OWN_STRANGER;
	}
	return n;
}

/* From the scratch stack libunwind comes over by the tables of cp_apart, which say that its frame
 * is where rbp points; the chain of frame pointers begins anew. */
CP_NOINLINE size_t cp_unwind_here(const struct cp_apart *apart, uint64_t *pcs, size_t max,
				  unsigned *flags)
{
	const void *frame = apart ? apart->frame : __builtin_frame_address(0);
	int saved = errno;
	size_t n = 0;

	if (!max || !enter(apart ? UNDISTURBED : IN_CALL))
		return 0;
	if (unwind.by_own)
		n = own_here(frame, pcs, max, flags);
	else if (by_tables())
		n = trace_by_tables(pcs, max, flags);
	if (n == 0) {
		*flags &= ~HOW_IT_ENDED;
		n = cp_fp_from(frame, unwind.own_start, unwind.own_end, pcs, max, flags);
	}
	leave(saved);
	return n;
}

size_t cp_unwind_near(const void *frame, uint64_t high, uint64_t *pcs, size_t max, unsigned *flags)
{
	struct cp_own_place place = {frame, high, unwind.own_start, unwind.own_end};
	size_t n;

	if (!unwind.by_own)
		return 0;
	n = cp_own_near(&place, pcs, max, flags);
	return cp_modules_settled(pcs, n) ? n : 0;
}

size_t cp_unwind_context(const void *ucontext, uint64_t *pcs, size_t max, unsigned *flags)
{
	int saved = errno;
	size_t n = 0;

	if (!max || !enter(UNDISTURBED))
		return 0;
	if (unwind.by_own)
		n = own_context(ucontext, pcs, max, flags);
	/* libunwind only reads it: registers are written by unw_set_reg and unw_resume. */
	else if (by_tables())
		n = walk_by_tables((void *)(uintptr_t)ucontext, pcs, max, flags);
	if (n == 0) {
		*flags &= ~HOW_IT_ENDED;
		n = cp_fp_context(ucontext, pcs, max, flags);
	}
	leave(saved);
	return n;
}

/* The first time one walk of each kind, for what libunwind sets up once per process. A thread needs
 * no more than to be told that it may: its own memory (libunwind's TLS, which ld.so takes from
 * malloc) belongs to the fast way, for calls of ours in ordinary context, and is made when the
 * first of them comes. Made here, it would have a thread that never allocates call malloc. */
void cp_unwind_warm(void)
{
	uint64_t pcs[2], all = ~UINT64_C(0), before;
	ucontext_t here;
	unsigned flags = 0;

	own.warm = 1;
	if (!unwind.lib)
		return;
	/* There ld.so takes the lock of dlopen for it, which must not be waited for inside malloc.
	 */
	if (!__GLIBC_PREREQ(2, 34))
		cp_unwind_here(NULL, pcs, 2, &flags);
	if (atomic_exchange_explicit(&unwind.warm, 1, memory_order_relaxed))
		return;
	cp_unwind_here(NULL, pcs, 2, &flags);
	if (unwind.lib->context_here(&here) == 0) {
		syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof all);
		cp_unwind_context(&here, pcs, 2, &flags);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
	}
}

void cp_unwind_thread_end(void)
{
	own.warm = 0;
}

void cp_unwind_forget(void)
{
	int saved = errno;

	if (!unwind.lib || !enter(IN_CALL))
		return;
	if (!atomic_load_explicit(&unwind.forbidden, memory_order_relaxed)) {
		atomic_fetch_add_explicit(&unwind.active, 1, memory_order_seq_cst);
		unwind.lib->flush(unwind.lib->space, 0, 0);
		atomic_fetch_sub_explicit(&unwind.active, 1, memory_order_release);
	}
	leave(saved);
}
