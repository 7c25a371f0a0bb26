/* near.c - the bounds of a thread's own stack, and who is at work on it. */
/* SPDX-License-Identifier: MIT */
#include "signal/near.h"

#include <sys/auxv.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/probe.h"

#include "signal/law.h"

#define PAGE UINT64_C(4096)
/* Of the first thread's stack so much is counted on, if the limit is twice that. */
#define MAIN_STACK (UINT64_C(1) << 20)
/* Where the size is not known, so much is looked at, and half of it counted on. */
#define LOOK (2 * CP_NEAR_ROOM)

/* The libc puts its own description of a thread at the upper end of the thread's stack. */
static uint64_t thread_pointer(void)
{
	uint64_t tp;

#if defined(__x86_64__)
	__asm__("movq %%fs:0, %0" : "=r"(tp));
#else
	__asm__("mrs %0, tpidr_el0" : "=r"(tp));
#endif
	return tp;
}

void cp_near_main(struct cp_thread *self)
{
	uint64_t top = getauxval(AT_EXECFN), here = (uint64_t)(uintptr_t)__builtin_frame_address(0);
	struct rlimit limit;

	if (top <= here || top - here > MAIN_STACK / 2 ||
	    syscall(SYS_prlimit64, 0, RLIMIT_STACK, NULL, &limit) != 0 ||
	    limit.rlim_cur < 2 * MAIN_STACK)
		return;
	self->stack_high = (top | (PAGE - 1)) + 1;
	self->stack_low = self->stack_high - MAIN_STACK;
}

void cp_near_thread(struct cp_thread *self, size_t size)
{
	uint64_t top = thread_pointer(), here = (uint64_t)(uintptr_t)__builtin_frame_address(0);

	self->stack_high = self->stack_low = 0;
	self->stack_looked = size == 0;
	if (top <= here || top - here > CP_NEAR_ROOM || (size && size < 4 * CP_NEAR_ROOM))
		return;
	self->stack_high = top;
	/* A guard is part of the size. */
	self->stack_low = size ? top - size + 2 * CP_NEAR_ROOM : top;
}

/* Below the frame there is stack as far as memory goes on: a guard lies at its end. Once for each
 * thread that samples, again if it goes deeper. */
static int reaches(struct cp_thread *self, uint64_t frame)
{
	if (frame >= self->stack_high || self->stack_high - frame > MAIN_STACK)
		return 0;
	for (uint64_t at = frame - LOOK; at < frame; at += PAGE)
		if (!cp_readable(at)) {
			self->stack_high = 0; /* from now on the long way */
			return 0;
		}
	self->stack_low = frame - LOOK + CP_NEAR_ROOM;
	return 1;
}

static int has_room(struct cp_thread *self, uint64_t frame)
{
	if (CP_LIKELY(frame >= self->stack_low && frame < self->stack_high))
		return 1;
	return self->stack_looked && reaches(self, frame);
}

/* Its stack has been left up to here: who was at work further down will not come back. Told of the
 * thread's own stack alone, for other stacks lie anywhere. */
static int was_left(const struct cp_thread *self, uint64_t sp)
{
	return self->near_at && self->near_at + MAIN_STACK >= self->stack_high &&
	       sp > self->near_at && sp < self->stack_high;
}

/* One word for each thread, however often it is here: a handler may interrupt us and come in again,
 * and who jumped out of it is still counted, until it is seen that he has gone. Where the first one
 * is, is written last and wiped first, so that a handler finds nothing or the truth. */
void cp_near_hold(struct cp_thread *self, const void *frame)
{
	cp_near_look(self, (uint64_t)(uintptr_t)frame);
	if (!self->near)
		atomic_fetch_add(cp_state.inside, 1);
	if (++self->near == 1) {
		atomic_signal_fence(memory_order_seq_cst);
		self->near_at = (uint64_t)(uintptr_t)frame;
	}
	atomic_signal_fence(memory_order_seq_cst);
}

/* In a child of a handler that forked, nobody is counted in the new word. */
void cp_near_leave(struct cp_thread *self)
{
	atomic_signal_fence(memory_order_seq_cst);
	if (self->near == 1)
		self->near_at = 0;
	atomic_signal_fence(memory_order_seq_cst);
	if (self->near && --self->near == 0 &&
	    atomic_load_explicit(cp_state.inside, memory_order_relaxed))
		atomic_fetch_sub_explicit(cp_state.inside, 1, memory_order_release);
}

void cp_near_look(struct cp_thread *self, uint64_t sp)
{
	uint64_t at = self->near_at;

	/* one of us claims it: a tick may come in between and see the same */
	if (CP_LIKELY(!self->near) || !was_left(self, sp) ||
	    !__atomic_compare_exchange_n(&self->near_at, &at, 0, 0, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return;
	self->near = 1;
	cp_near_leave(self);
}

int cp_near_enter(struct cp_thread *self, const void *frame)
{
	if (!has_room(self, (uint64_t)(uintptr_t)frame))
		return 0;
	cp_near_hold(self, frame);
	if (CP_LIKELY(cp_phase() == CP_RUNNING))
		return 1;
	cp_near_leave(self);
	return 0;
}

/* From now on the long way, for good: where the other one ends, and when, is not known here. */
void cp_near_beside(struct cp_thread *self, const void *stack, size_t size)
{
	uint64_t low = (uint64_t)(uintptr_t)stack, least = self->stack_low;

	if (self->stack_looked && self->stack_high > MAIN_STACK)
		least = self->stack_high - MAIN_STACK;
	if (low < self->stack_high && low + size > least)
		self->stack_high = 0;
}

void cp_near_end(struct cp_thread *self)
{
	self->stack_high = 0;
	if (self->near)
		self->near = 1;
	cp_near_leave(self);
}
