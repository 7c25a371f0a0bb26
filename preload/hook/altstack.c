/* altstack.c - the application's alternate signal stacks, which have room for its signals alone. */
/* SPDX-License-Identifier: MIT */
#include "hook/altstack.h"

#include <stdint.h>
#include <string.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/reserved.h"
#include "signal/tick.h"
#include "signal/timer.h"

#include "hook/law.h"

/* The kernel writes a frame of some KiB where a signal arrives, and ends the process where that
 * does not fit. Ours arrive on the alternate stack, because the usual one may be a fiber's. Two
 * things follow. No tick may come to a thread whose alternate stack is smaller than a frame, as the
 * 2048 bytes are that once were enough; its time is counted as lost. And none may come while the
 * application's handler uses that stack, of which the kernel's first frame has taken a good part.
 */

static int ticks(void)
{
	return cp_state.cpu_period_ns && cp_phase() != CP_OFF;
}

static int too_small(const stack_t *stack)
{
	return !(stack->ss_flags & SS_DISABLE) && stack->ss_size < cp_state.tick_room;
}

void cp_altstack_end(struct cp_thread *self)
{
	if (self->held && ticks())
		cp_tick_no_room(cp_timer_release(self));
}

/* Held before the small stack is there, released when it is gone. */
CP_EXPORT int sigaltstack(const stack_t *stack, stack_t *before)
{
	int (*real)(const stack_t *, stack_t *) = cp_real_calls()->sigaltstack;
	struct cp_thread *self = &cp_self;
	int small = stack && ticks() && too_small(stack), held = self->held, result;

	if (small && !held)
		cp_timer_hold(self);
	result = real(stack, before);
	if (self->held && (result == 0 ? stack && !small : !held))
		cp_altstack_end(self);
	return result;
}

const struct sigaction *cp_altstack_defer(const struct sigaction *action, struct sigaction *room)
{
	uint64_t mask;

	if (!action || !(action->sa_flags & SA_ONSTACK) || action->sa_handler == SIG_DFL ||
	    action->sa_handler == SIG_IGN || !ticks())
		return action;
	*room = *action;
	memcpy(&mask, &room->sa_mask, sizeof mask);
	mask |= CP_TICK_SIGNAL_BIT;
	memcpy(&room->sa_mask, &mask, sizeof mask);
	return room;
}

void cp_altstack_hide(struct sigaction *before)
{
	uint64_t mask;

	memcpy(&mask, &before->sa_mask, sizeof mask);
	mask &= ~CP_TICK_SIGNAL_BIT;
	memcpy(&before->sa_mask, &mask, sizeof mask);
}
