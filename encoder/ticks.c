/* ticks.c - what a tick itself takes: the handler's part and the kernel's. */
/* SPDX-License-Identifier: MIT */
#include "encoder/batch.h"
#include "encoder/view.h"

void cp_batch_signals(struct cp_batch *batch, uint64_t signal_ns, uint64_t clock_ns)
{
	batch->signal_ns = signal_ns;
	batch->clock_ns = clock_ns;
}

/* The target has measured some of its ticks, with one look at the clock in each; what the kernel
 * needs before and after, no handler can see. */
uint64_t cp_batch_tick_ns(const struct cp_batch *batch, struct cp_recording *shared)
{
	/* relaxed: the two may be one tick apart */
	uint64_t ticks = atomic_load_explicit(&shared->measured, memory_order_relaxed);
	uint64_t ns = atomic_load_explicit(&shared->took_ns, memory_order_relaxed);
	return cp_more(batch->signal_ns, ticks ? cp_less(ns / ticks, batch->clock_ns) : 0);
}

uint64_t cp_batch_take_out(const struct cp_batch *batch, enum cp_kind kind, uint64_t ticks,
			   struct cp_sums *sums)
{
	uint64_t ns;
	if (kind != CP_KIND_CPU)
		return 0;
	if (__builtin_mul_overflow(ticks, batch->tick_ns, &ns) || ns > sums->n[1])
		ns = sums->n[1];
	sums->n[1] -= ns;
	return ns;
}
