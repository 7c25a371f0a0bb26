/* altstack.c - the application's alternate signal stacks, which have room for its signals alone. */
/* SPDX-License-Identifier: MIT */
#include "hook/altstack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/attrs.h"
#include "hook/real.h"
#include "signal/near.h"
#include "signal/reserved.h"
#include "signal/shared.h"
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
		cp_tick_no_room(cp_timer_rest(self));
}

static void release(struct cp_thread *self)
{
	int saved = errno;

	if (!ticks())
		return;
	cp_altstack_end(self);
	cp_timer_release(self);
	errno = saved;
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
	if (result == 0 && stack && !(stack->ss_flags & SS_DISABLE))
		cp_near_beside(self, stack->ss_sp, stack->ss_size);
	if (self->held && (result == 0 ? stack && !small : !held))
		release(self);
	return result;
}

/* Where the process's timer serves, its ticks wait, too; whose masks had SIGPROF by the
 * application's own wish is kept here, a bit a signal. */
static _Atomic uint64_t own_prof;

#define PROF	  (UINT64_C(1) << (SIGPROF - 1))
#define BIT_OF(n) (UINT64_C(1) << ((n)-1))

const struct sigaction *cp_altstack_defer(int sig, const struct sigaction *action,
					  struct sigaction *room)
{
	uint64_t mask;

	if (!action || !(action->sa_flags & SA_ONSTACK) || action->sa_handler == SIG_DFL ||
	    action->sa_handler == SIG_IGN || sig < 1 || sig > 64 || !ticks())
		return action;
	*room = *action;
	memcpy(&mask, &room->sa_mask, sizeof mask);
	if (mask & PROF)
		atomic_fetch_or(&own_prof, BIT_OF(sig));
	else
		atomic_fetch_and(&own_prof, ~BIT_OF(sig));
	mask |= CP_TICK_SIGNAL_BIT | (cp_shared_now() ? PROF : 0);
	memcpy(&room->sa_mask, &mask, sizeof mask);
	return room;
}

int cp_altstack_own(int sig)
{
	return sig >= 1 && sig <= 64 && (atomic_load(&own_prof) & BIT_OF(sig)) != 0;
}

void cp_altstack_hide(int own, struct sigaction *before)
{
	uint64_t mask;

	if (!(before->sa_flags & SA_ONSTACK))
		return;
	memcpy(&mask, &before->sa_mask, sizeof mask);
	if (mask & CP_TICK_SIGNAL_BIT && !own)
		mask &= ~PROF;
	mask &= ~CP_TICK_SIGNAL_BIT;
	memcpy(&before->sa_mask, &mask, sizeof mask);
}
