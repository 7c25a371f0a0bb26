/* custody.c - which recordings a film was taken of, until it is safe. */
/* SPDX-License-Identifier: MIT */
#include "uploader/custody.h"

#include <stdatomic.h>
#include <stdlib.h>

struct cp_custody {
	_Atomic unsigned halves;
	_Atomic int over;
	unsigned count;
	struct cp_view *views[];
};

struct cp_custody *cp_custody_new(unsigned room)
{
	struct cp_custody *custody = calloc(1, sizeof *custody + room * sizeof(struct cp_view *));
	if (custody)
		custody->halves = 2;
	return custody;
}

void cp_custody_add(struct cp_custody *custody, struct cp_view *view)
{
	cp_view_hold(view);
	custody->views[custody->count++] = view;
}

void cp_custody_is_safe(struct cp_custody *custody)
{
	if (!custody)
		return;
	for (unsigned i = 0; i < custody->count; i++) {
		cp_view_film_is_safe(custody->views[i]);
		cp_view_let_go(custody->views[i]);
	}
	/* release: pairs with the acquire below; the recordings have been told */
	atomic_store_explicit(&custody->over, 1, memory_order_release);
	cp_custody_drop(custody);
}

int cp_custody_is_over(const struct cp_custody *custody)
{
	return !custody || atomic_load_explicit(&custody->over, memory_order_acquire);
}

void cp_custody_drop(struct cp_custody *custody)
{
	/* release, acquire: who frees it sees all that the other half did with it */
	if (custody && atomic_fetch_sub_explicit(&custody->halves, 1, memory_order_acq_rel) == 1)
		free(custody);
}
