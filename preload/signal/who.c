/* who.c - a thread's slot or name; the name is looked at now and then. */
/* SPDX-License-Identifier: MIT */
#include "signal/who.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "signal/names.h"
#include "signal/roster.h"

#include "signal/law.h"

/* Nothing behind its end: older kernels leave a longer name's there. */
static void cut(char text[16])
{
	size_t len = 0;

	while (len < 16 && text[len])
		len++;
	while (len < 16)
		text[len++] = 0;
}

/* What the thread is called now. Where a filter has taken our way home it may not be asked: the
 * uploader looks for itself. */
static void look(struct cp_thread *self)
{
	struct cp_recording *rec = cp_state.rec;
	uint64_t text[2] = {0, 0};

	if (atomic_load_explicit(&cp_state.homeless, memory_order_relaxed) ||
	    syscall(SYS_prctl, PR_GET_NAME, text, 0, 0, 0) != 0)
		return;
	cut((char *)text);
	if (!self->name || !cp_name_is(rec, self->name, text))
		self->name = cp_name_number(rec, text);
	if (self->slot)
		cp_roster_name(self);
}

void cp_who_look(struct cp_thread *self, enum cp_kind kind)
{
	uint32_t asked = cp_state.sample_labels;

	if (self->named != cp_renewals()) {
		self->name = 0;
		self->named = cp_renewals();
	}
	if (kind == CP_KIND_CPU && (asked & CP_LABEL_TID) && !self->slot && !self->ending)
		cp_roster_met(self);
	if (asked & CP_LABEL_THREAD)
		look(self);
}

void cp_who_end(struct cp_thread *self)
{
	if (self->has_rows && (cp_state.sample_labels & CP_LABEL_THREAD))
		look(self);
}
