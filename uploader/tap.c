/* tap.c - a look at what is recorded, for somebody who asks. */
/* SPDX-License-Identifier: MIT */
#include "uploader/tap.h"

#include <errno.h>
#include <stdlib.h>

#include "uploader/control.h"
#include "uploader/family.h"
#include "uploader/tapping.h"

#define LENGTH_MAX UINT64_C(86400000000000)
#define HEAP	   CP_BIT(CP_PROFILE_HEAP)

static void free_tap(struct cp_tap *tap)
{
	while (tap->held) {
		struct cp_held *held = tap->held;
		tap->held = held->next;
		cp_tap_drop(held);
	}
	cp_batch_free(tap->batch);
	free(tap);
}

/* CPU windows stay open as long as somebody collects what they let in. */
static void lend(struct cp_family *family)
{
	const struct cp_tap *tap = family->taps;
	while (tap && !(tap->order.profiles & CP_BIT(CP_PROFILE_CPU)))
		tap = tap->next;
	cp_control_lend(family, tap != NULL);
}

static void unlink_tap(struct cp_family *family, const struct cp_tap *tap)
{
	struct cp_tap **at = &family->taps;
	while (*at != tap)
		at = &(*at)->next;
	*at = tap->next;
	lend(family);
}

/* ---- the end of one ---- */

/* As Go's profiler writes them: CPU from its start; heap and threads at the moment of the snapshot,
 * heap with the time since the one before, if there was one. */
static void set_times(const struct cp_tap *tap, struct cp_film *film)
{
	int64_t now = cp_text_now();
	int64_t length = (int64_t)(cp_text_monotonic() - tap->from_ns);
	for (int i = 0; i < CP_PROFILES; i++)
		film->time_ns[i] = now;
	film->time_ns[CP_PROFILE_CPU] = tap->start_ns;
	film->duration_ns[CP_PROFILE_CPU] = length;
	film->duration_ns[CP_PROFILE_HEAP] = tap->order.length_ns ? length : 0;
}

/* Hands its batch in and frees the tap, which is in no list. */
static void hand_in(struct cp_family *family, struct cp_tap *tap)
{
	struct cp_bytes none[CP_PROFILES] = {0};
	struct cp_film *film = calloc(1, sizeof *film);
	if (film)
		film->parcel = cp_parcel_new();
	if (!film || !film->parcel) {
		free(film);
		tap->order.deliver(tap->order.ctx, none, -ENOMEM);
		free_tap(tap);
		return;
	}
	film->profiles = tap->order.profiles;
	film->deliver = tap->order.deliver;
	film->ctx = tap->order.ctx;
	set_times(tap, film);
	film->batch = tap->batch;
	tap->batch = NULL;
	free_tap(tap);
	cp_encoding_ask(family->encoding, film);
}

static void close_tap(struct cp_family *family, struct cp_tap *tap)
{
	for (struct cp_held *h = tap->held; h; h = h->next)
		if (h->member)
			cp_tap_say(family, h->member,
				   cp_batch_take(tap->batch, h->member->view, h->marks,
						 h->member->pid, tap->order.profiles));
	unlink_tap(family, tap);
	hand_in(family, tap);
}

static void cancel(struct cp_family *family, struct cp_tap *tap)
{
	struct cp_bytes none[CP_PROFILES] = {0};
	unlink_tap(family, tap);
	tap->order.deliver(tap->order.ctx, none, -ECANCELED);
	free_tap(tap);
}

/* ---- totals ---- */

/* The living first: their files are the ones to be had. */
static int take_totals(struct cp_family *family, struct cp_tap *tap)
{
	const struct cp_tap_order *order = &tap->order;
	int error = 0;
	for (struct cp_member *m = family->members; m && !error; m = m->next)
		if (cp_tap_means(order, m))
			error = cp_tap_take_all(tap->batch, m, order->profiles);
	for (struct cp_program *p = family->programs; p && !error; p = p->next)
		if (p->past && !order->pid && (order->profiles & HEAP) &&
		    (!order->program || order->program == p->id))
			error = cp_batch_add(tap->batch, p->past);
	return error;
}

/* ---- the beginning ---- */

static int may_open(const struct cp_family *family, const struct cp_tap_order *order)
{
	unsigned taps = cp_encoding_asked(family->encoding);
	int found = !order->program && !order->pid;
	if (!order->profiles || order->profiles >= CP_BIT(CP_PROFILES) || !order->deliver ||
	    order->length_ns > LENGTH_MAX ||
	    (!order->length_ns && (order->profiles & CP_BIT(CP_PROFILE_CPU))))
		return -EINVAL;
	for (const struct cp_tap *t = family->taps; t; t = t->next)
		taps++;
	for (const struct cp_program *p = family->programs; p && !order->pid; p = p->next)
		found |= order->program == p->id;
	for (const struct cp_member *m = family->members; m; m = m->next)
		found |= cp_tap_means(order, m);
	if (!found)
		return -ESRCH;
	return taps < CP_ASKED_MAX ? 0 : -EAGAIN;
}

static struct cp_tap *new_tap(struct cp_family *family, const struct cp_tap_order *order)
{
	struct cp_tap *tap = calloc(1, sizeof *tap);
	if (!tap)
		return NULL;
	tap->order = *order;
	tap->start_ns = cp_text_now();
	tap->from_ns = cp_text_monotonic();
	tap->batch = cp_program_batch(family->symbols);
	if (tap->batch) {
		cp_batch_show(tap->batch, order->show);
		return tap;
	}
	free(tap);
	return NULL;
}

int cp_tap_open(struct cp_family *family, const struct cp_tap_order *order)
{
	int error = may_open(family, order);
	if (error)
		return error;
	struct cp_tap *tap = new_tap(family, order);
	if (!tap)
		return -ENOMEM;
	if (!order->length_ns)
		error = take_totals(family, tap);
	for (struct cp_member *m = family->members; m && order->length_ns && !error; m = m->next)
		if (cp_tap_means(order, m))
			error = cp_tap_hold(tap, m, 1);
	if (error) {
		free_tap(tap);
	} else if (order->length_ns) {
		tap->next = family->taps;
		family->taps = tap;
		lend(family);
	} else {
		hand_in(family, tap);
	}
	return error;
}

static void cancel_of(struct cp_family *family, const void *ctx, uint64_t asker)
{
	struct cp_tap *next;
	for (struct cp_tap *tap = family->taps; tap; tap = next) {
		next = tap->next;
		if ((ctx && tap->order.ctx == ctx) || (asker && tap->order.asker == asker))
			cancel(family, tap);
	}
}

void cp_tap_cancel(struct cp_family *family, const void *ctx)
{
	cancel_of(family, ctx, 0);
}

void cp_tap_leave(struct cp_family *family, uint64_t asker)
{
	cancel_of(family, NULL, asker);
}

/* ---- time ---- */

uint64_t cp_taps_next(const struct cp_family *family)
{
	uint64_t next = UINT64_MAX;
	for (const struct cp_tap *tap = family->taps; tap; tap = tap->next)
		if (tap->from_ns + tap->order.length_ns < next)
			next = tap->from_ns + tap->order.length_ns;
	return next;
}

void cp_taps_due(struct cp_family *family, uint64_t now_ns)
{
	struct cp_tap *next;
	for (struct cp_tap *tap = family->taps; tap; tap = next) {
		next = tap->next;
		if (now_ns >= tap->from_ns + tap->order.length_ns)
			close_tap(family, tap);
	}
}

void cp_taps_cancel(struct cp_family *family)
{
	while (family->taps)
		cancel(family, family->taps);
}
