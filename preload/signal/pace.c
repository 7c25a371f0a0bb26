/* pace.c - how often CPU time is looked at now, by the uploader's word. */
/* SPDX-License-Identifier: MIT */
#include "signal/pace.h"

#include "base/control.h"
#include "base/draw.h"

#include "signal/law.h"

#define RARELY	 20	   /* periods, on average, from one rare tick to the next ... */
#define RARE_MAX 200000000 /* ... but so many ns at most: a window is soon seen to be open */

/* Who sleeps has no recording, or its parent's, which may go at any moment. Who is quiet has one,
 * and what is wanted then is what its timers go on with. */
static uint64_t control(void)
{
	return cp_remembers() ? cp_control(cp_state.rec) : cp_state.inherited_control;
}

void cp_pace_forked(void)
{
	if (cp_state.rec)
		cp_state.inherited_control = cp_control(cp_state.rec);
}

uint64_t cp_pace_period(void)
{
	uint64_t now = control();

	return cp_is_wanted(now, CP_WANT_CPU) ? cp_control_period(now, cp_state.cpu_period_ns) : 0;
}

uint64_t cp_pace_rare(void)
{
	uint64_t period = cp_control_period(control(), cp_state.cpu_period_ns);

	if (period >= RARE_MAX)
		return period;
	return period * RARELY < RARE_MAX ? period * RARELY : RARE_MAX;
}

int cp_pace_is_off(void)
{
	return !cp_is_wanted(control(), CP_WANT_CPU | CP_WANT_RARELY);
}

int cp_pace_heap_is_off(void)
{
	return !cp_is_wanted(control(), CP_WANT_HEAP);
}

void cp_pace_plan_rare(struct cp_thread *self, uint64_t from)
{
	self->rare = 1;
	self->period = cp_pace_rare();
	self->due = from + 1 + cp_next_gap(&self->rng, self->period);
}

void cp_pace_plan(struct cp_thread *self, uint64_t from)
{
	uint64_t period = cp_pace_period();

	if (!period) {
		cp_pace_plan_rare(self, from);
		return;
	}
	self->rare = 0;
	self->period = period;
	self->due = from + 1 + cp_random(&self->rng) % period;
}
