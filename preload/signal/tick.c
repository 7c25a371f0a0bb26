/* tick.c - one tick of the CPU clock, one stack, one row. */
/* SPDX-License-Identifier: MIT */
#include "signal/tick.h"

#include <signal.h>

#include "signal/adopt.h"
#include "signal/modules.h"
#include "signal/moving.h"
#include "signal/near.h"
#include "signal/stack.h"
#include "signal/stacks.h"
#include "signal/thread.h"
#include "signal/timer.h"
#include "signal/unwind.h"
#include "signal/who.h"

#include "signal/law.h"

static void lose(enum cp_loss why, uint64_t ns)
{
	struct cp_recording *rec = cp_state.rec;

	if (!rec || !ns || cp_phase() == CP_ASLEEP)
		return;
	cp_row_add(rec, CP_KIND_CPU, CP_NO_ROW, why, CP_CPU_NS, ns);
	cp_row_add(rec, CP_KIND_CPU, CP_NO_ROW, why, CP_CPU_SAMPLES, 1);
}

void cp_tick_no_room(uint64_t ns)
{
	if (ns)
		lose(CP_LOST_STACK_ROOM, ns);
}

/* On an alternate stack the bounds are known: a small one may be nearly used up by the kernel's
 * frame alone. Elsewhere there is the application's own room, or the kernel would not have come so
 * far. */
static int has_room(const ucontext_t *uc)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	uintptr_t alt = (uintptr_t)uc->uc_stack.ss_sp;

	if ((uc->uc_stack.ss_flags & SS_DISABLE) || sp < alt || sp - alt >= uc->uc_stack.ss_size)
		return 1;
	return sp - alt >= CP_TICK_ROOM;
}

struct tick {
	struct cp_thread *self;
	struct cp_scratch *scratch;
	const ucontext_t *uc;
	uint64_t ns;
};

static int is_ours(uint64_t pc)
{
	return pc >= cp_state.own_start && pc < cp_state.own_end;
}

/* What the program has us do inside its malloc, and libc for us, is its malloc's: none of our
 * frames is shown. How many others there are. */
static size_t without_ours(uint64_t *pcs, size_t depth, unsigned *flags)
{
	size_t n = 0;

	if (depth && is_ours(pcs[0]))
		*flags &= ~(unsigned)CP_ROW_LEAF_IS_PC;
	for (size_t i = 0; i < depth; i++)
		if (!is_ours(pcs[i]))
			pcs[n++] = pcs[i];
	return n;
}

static void sample(const struct tick *t)
{
	enum cp_loss why = CP_LOST_UNWIND;
	unsigned flags = CP_ROW_LEAF_IS_PC;
	uint64_t *pcs = t->scratch->pcs;
	size_t depth = cp_unwind_context(t->uc, pcs, CP_DEPTH, &flags);
	uint32_t row;

	depth = without_ours(pcs, depth, &flags);
	row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_CPU, cp_who(t->self, CP_KIND_CPU)), pcs,
			   depth, flags, &why);
	cp_row_add(cp_state.rec, CP_KIND_CPU, row, why, CP_CPU_NS, t->ns);
	cp_row_add(cp_state.rec, CP_KIND_CPU, row, why, CP_CPU_SAMPLES, 1);
	if (depth)
		cp_modules_look_for(pcs[0]);
}

static uint64_t stack_pointer(const ucontext_t *uc)
{
#if defined(__aarch64__)
	return uc->uc_mcontext.sp;
#else
	return (uint64_t)uc->uc_mcontext.gregs[REG_RSP];
#endif
}

/* On the scratch stack. */
static void on_scratch(void *arg)
{
	const struct tick *t = arg;

	int awake = cp_awake(t->self);

	if (awake < 0 || (!awake && cp_phase() == CP_BUSY))
		lose(CP_LOST_PAUSED, t->ns);
	if (awake <= 0)
		return;
	if (t->ns)
		sample(t);
	cp_moving_look();
}

static void take(const ucontext_t *uc, uint64_t ns)
{
	struct cp_thread *self CP_CLEANUP(cp_leave) = cp_enter();
	struct cp_scratch *scratch CP_CLEANUP(cp_scratch_give) = self ? cp_scratch_take() : NULL;
	struct tick t = {.self = self, .scratch = scratch, .uc = uc, .ns = ns};

	if (!scratch)
		lose(CP_LOST_BUSY, ns);
	else if (!has_room(uc))
		lose(CP_LOST_STACK_ROOM, ns);
	else
		cp_on_stack(scratch->stack + sizeof scratch->stack, on_scratch, &t);
}

/* A tick's own time is on the thread's clock, too, and is not the program's (doc/why/013). Two
 * looks at the clock may cost as much as the tick, so one tick of many is measured; which, differs
 * by thread, since a thread's first ones are dearer. */
#define MEASURED 128

static void count_own(uint64_t took)
{
	uint64_t least = atomic_load_explicit(&cp_state.least_tick_ns, memory_order_relaxed);

	if (!least || took < least)
		atomic_store_explicit(&cp_state.least_tick_ns, took, memory_order_relaxed);
	cp_count(&cp_state.rec->took_ns, cp_tick_weight(took, least));
	cp_count(&cp_state.rec->measured, 1);
}

void cp_tick(const ucontext_t *uc, uint64_t ns)
{
	struct cp_thread *self = &cp_self;
	uint64_t began;

	cp_near_look(self, stack_pointer(uc));
	if (!ns || CP_LIKELY((self->rang++ + (uint32_t)self->tid) % MEASURED)) {
		take(uc, ns);
		return;
	}
	began = cp_timer_clock();
	take(uc, ns);
	if (cp_phase() == CP_RUNNING)
		count_own(cp_timer_clock() - began);
}
