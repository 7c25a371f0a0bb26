/* tapping.h - a tap that is open: shared by the files that serve it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/tap.h"

/* One recording that the tap reads. */
struct cp_held {
	struct cp_held *next;
	struct cp_member *member; /* NULL: it has moved, and joins again at once */
	const struct cp_view *view;
	struct cp_marks *marks;
};

struct cp_tap {
	struct cp_tap *next;
	struct cp_tap_order order;
	struct cp_batch *batch;
	struct cp_held *held;
	int64_t start_ns; /* realtime */
	uint64_t from_ns; /* monotonic */
};

/* ---- tap_members.c ---- */
int cp_tap_means(const struct cp_tap_order *order, const struct cp_member *member);
/* A line in the log, if that is an error. */
void cp_tap_say(struct cp_family *family, const struct cp_member *member, int error);
/* Reads it from now on; or whatever it has recorded. 0 or -ENOMEM. */
int cp_tap_hold(struct cp_tap *tap, struct cp_member *member, int from_now);
void cp_tap_drop(struct cp_held *held);
/* By marks that say nothing of it was ever taken. 0 or -errno. */
int cp_tap_take_all(struct cp_batch *batch, struct cp_member *member, unsigned profiles);
