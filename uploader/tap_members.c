/* tap_members.c - what a tap holds of processes, and what becomes of it when they come and go. */
/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "uploader/family.h"
#include "uploader/tapping.h"

/* What is kept of those that are over, for each program. */
#define PAST_STACKS 65536u
#define PAST_BYTES  ((uint64_t)64 << 20)
#define HEAP	    CP_BIT(CP_PROFILE_HEAP)

int cp_tap_means(const struct cp_tap_order *order, const struct cp_member *member)
{
	return (!order->program || order->program == member->program->id) &&
	       (!order->pid || order->pid == member->pid);
}

void cp_tap_say(struct cp_family *family, const struct cp_member *member, int error)
{
	if (error)
		cp_log_change(family->log, CP_TOPIC_ENCODE, CP_ERROR,
			      "process %d: no snapshot for who asked: %s", (int)member->pid,
			      cp_text_error(error));
}

void cp_tap_drop(struct cp_held *held)
{
	cp_marks_free(held ? held->marks : NULL);
	free(held);
}

int cp_tap_hold(struct cp_tap *tap, struct cp_member *member, int from_now)
{
	struct cp_held *held = calloc(1, sizeof *held);
	if (!held)
		return -ENOMEM;
	held->member = member;
	held->view = member->view;
	held->marks = cp_marks_new(member->view);
	if (!held->marks || (from_now && cp_marks_now(held->marks))) {
		cp_tap_drop(held);
		return -ENOMEM;
	}
	held->next = tap->held;
	tap->held = held;
	return 0;
}

int cp_tap_take_all(struct cp_batch *batch, struct cp_member *member, unsigned profiles)
{
	struct cp_marks *marks = cp_marks_new(member->view);
	int error = marks ? cp_batch_take(batch, member->view, marks, member->pid,
					  profiles | CP_TAKE_TOGETHER)
			  : -ENOMEM;
	cp_marks_free(marks);
	return error;
}

/* What a program's processes did that are over is kept, so that its total never falls. */
static void keep_past(struct cp_family *family, struct cp_member *member)
{
	struct cp_program *program = member->program;
	if (!program->past && (program->past = cp_program_batch(program->symbols)))
		cp_batch_bound(program->past, PAST_STACKS, PAST_BYTES);
	cp_tap_say(family, member,
		   program->past
		       ? cp_tap_take_all(program->past, member, HEAP | CP_TAKE_OVER | CP_TAKE_REST)
		       : -ENOMEM);
}

/* One whose recording has moved is held already. */
void cp_taps_joined(struct cp_family *family, struct cp_member *member)
{
	if (member->again)
		return;
	for (struct cp_tap *tap = family->taps; tap; tap = tap->next) {
		struct cp_held *held = tap->held;
		while (held && (held->member || held->view != member->view))
			held = held->next;
		if (held)
			held->member = member;
		else if (cp_tap_means(&tap->order, member))
			cp_tap_say(family, member, cp_tap_hold(tap, member, 0));
	}
}

/* What this tap held of the member, no longer in its list; NULL. */
static struct cp_held *let_go(struct cp_tap *tap, const struct cp_member *member)
{
	struct cp_held **at = &tap->held, *held;
	while (*at && (*at)->member != member)
		at = &(*at)->next;
	held = *at;
	if (held)
		*at = held->next;
	return held;
}

void cp_taps_left(struct cp_family *family, struct cp_member *member)
{
	for (struct cp_tap *tap = family->taps; tap; tap = tap->next) {
		struct cp_held *held = let_go(tap, member);
		if (!held)
			continue;
		cp_tap_say(family, member,
			   cp_batch_take(tap->batch, member->view, held->marks, member->pid,
					 tap->order.profiles | CP_TAKE_OVER | CP_TAKE_REST));
		cp_tap_drop(held);
	}
	if (family->listens && !member->again)
		keep_past(family, member);
}

void cp_taps_forget(struct cp_family *family, const struct cp_member *member)
{
	for (struct cp_tap *tap = family->taps; tap; tap = tap->next)
		cp_tap_drop(let_go(tap, member));
}

void cp_taps_moved(struct cp_family *family, const struct cp_member *member, struct cp_view *view)
{
	for (struct cp_tap *tap = family->taps; tap; tap = tap->next)
		for (struct cp_held *held = tap->held; held; held = held->next)
			if (held->member == member) {
				cp_marks_follow(held->marks, view);
				held->member = NULL;
				held->view = view;
			}
}
