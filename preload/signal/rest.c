/* rest.c - a thread's last milliseconds: due, and seen by no tick. */
/* SPDX-License-Identifier: MIT */
#include "signal/rest.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "signal/adopt.h"
#include "signal/apart.h"
#include "signal/stacks.h"
#include "signal/timer.h"
#include "signal/who.h"

#include "signal/law.h"

/* A call of the function would return behind its first byte: so it is read back as that. */
#define INSIDE(function) ((function) + 1)

/* As if the start function had been met, and nothing below it. */
static uint32_t row_of(struct cp_thread *self, enum cp_loss *why)
{
	uint64_t clone = atomic_load_explicit(&cp_state.clone, memory_order_relaxed);
	uint64_t pcs[4] = {CP_FRAME_NOTE | CP_NOTE_REST};
	size_t n = 1;

	if (!self->began[0]) {
		pcs[n++] = INSIDE(cp_state.entry);
	} else {
		pcs[n++] = INSIDE(self->began[0]);
		pcs[n++] = self->began[1];
		if (clone > CP_NO_CLONE)
			pcs[n++] = clone;
	}
	return cp_stack_row(cp_state.rec, cp_whose(CP_KIND_CPU, cp_who(self, CP_KIND_CPU)), pcs, n,
			    0, why);
}

/* No sample: no signal of ours came for it. */
void cp_rest_count(struct cp_thread *self)
{
	enum cp_loss why = CP_LOST_PAUSED;
	uint64_t ns = cp_timer_rest(self);
	uint32_t row = CP_NO_ROW;

	if (ns && !cp_is_moving())
		row = row_of(self, &why);
	if (ns)
		cp_row_add(cp_state.rec, CP_KIND_CPU, row, why, CP_CPU_NS, ns);
}

static void leave(const struct cp_apart *apart, void *unused)
{
	(void)unused;
	if (cp_is_recorded() && cp_state.wiped->pid == (int32_t)syscall(SYS_getpid))
		cp_rest_count(apart->self);
}

/* A short image may have slept until now: that a period of it is over is its first event. */
void cp_rest_leave(void)
{
	if (cp_phase() == CP_ASLEEP && !cp_state.rec && cp_timer_is_due(&cp_self))
		cp_wake();
	if (cp_is_recorded() && cp_self.due)
		cp_apart(leave, NULL);
}
