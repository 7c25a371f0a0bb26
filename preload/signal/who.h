/* who.h - whose an event is: the thread's slot in the recording's list, or what it is called. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Looks at the name; a thread that we have not met before comes into the list. */
void cp_who_look(struct cp_thread *self, enum cp_kind kind);

/* A thread is often named when it has begun, seldom later: its first event is looked at, the
 * second, the fourth, ... and each 256th; and the first in a renewed recording, whose names have
 * other numbers. */
static inline int cp_who_is_due(uint32_t events)
{
	return !(events & (events + 1)) || (events & 255) == 255;
}

/* The answer for a row of this kind, as recording.h says; 0 where nobody asks, or when there is no
 * room. Runs anywhere. */
static inline uint32_t cp_who(struct cp_thread *self, enum cp_kind kind)
{
	uint32_t asked = cp_state.sample_labels;

	if (!(asked & (CP_LABEL_TID | CP_LABEL_THREAD)))
		return 0;
	if (CP_UNLIKELY(cp_who_is_due(self->looks++) || self->named != cp_renewals()))
		cp_who_look(self, kind);
	if (kind == CP_KIND_CPU && (asked & CP_LABEL_TID) && self->slot) {
		self->has_rows = 1;
		return self->slot;
	}
	return (asked & CP_LABEL_THREAD) && self->name ? CP_WHO_NAME | self->name : 0;
}

/* The thread ends: its slot, if a row is its, gets its last name. */
void cp_who_end(struct cp_thread *self);
