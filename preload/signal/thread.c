/* thread.c - a thread's own words, and how they are made ready. */
/* SPDX-License-Identifier: MIT */
#include "signal/thread.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "base/draw.h"
#include "signal/unwind.h"

#include "signal/law.h"

CP_TLS struct cp_thread cp_self;

void cp_thread_ready(struct cp_thread *self)
{
	if (self->ready)
		return;
	self->tid = (int)syscall(SYS_gettid);
	self->rng = (cp_phase() == CP_BUSY ? cp_now_at_start() : cp_now_ns()) ^
		    (uint64_t)self->tid << 40 ^ (uint64_t)(uintptr_t)self;
	self->budget += cp_state.heap_interval ? cp_next_gap(&self->rng, cp_state.heap_interval)
					       : INT64_MAX / 2;
	if (cp_is_recorded() || cp_phase() == CP_BUSY) {
		cp_witness_rest(self, 1);
		cp_unwind_warm();
		cp_witness_rest(self, 0);
	}
	self->ready = 1;
}

void cp_thread_forked(struct cp_thread *self)
{
	self->tid = (int)syscall(SYS_gettid);
	self->rng ^= cp_now_ns() ^ (uint64_t)self->tid << 32;
	if (self->ready && cp_state.heap_interval)
		self->budget = cp_next_gap(&self->rng, cp_state.heap_interval);
}
