/* tap.h - a look at what is recorded, for somebody who asks: beside the periods, and without moving
 * what they have taken.
 *
 * A second tap on the same main: it has its own meter, and what runs out of it is not missing
 * elsewhere. All here is called on the family's thread; what is slow, symbols, is done on the
 * encoding thread, which calls back. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/encoding.h"
#include "uploader/member.h"

struct cp_family;
struct cp_tap;

struct cp_tap_order {
	uint64_t program;  /* of this number (struct cp_program); 0: of all */
	pid_t pid;	   /* of this process; 0: of all */
	unsigned profiles; /* CP_BIT()s */
	/* So long what is new is collected, of those, too, who join, are renewed or end meanwhile;
	 * with it comes what is in use at its end. 0: at once, heap and threads alone: what is in
	 * use now, and alloc_* since each process's start, with those of processes that are over
	 * (while family->listens; one that is picked by its pid: its own). These never fall. */
	uint64_t length_ns;
	enum cp_show show;
	cp_film_deliver
	    *deliver; /* called once, if the order was taken; mostly on the encoding thread */
	void *ctx;
	uint64_t asker; /* whose, if cp_tap_leave() shall find it; 0: nobody's */
};

/* 0; -ESRCH: there is no such program or process; -EINVAL; -EAGAIN: too many at once; -ENOMEM. */
int cp_tap_open(struct cp_family *family, const struct cp_tap_order *order);
/* Whoever asked has gone: those of this ctx that still collect are closed, and delivered with
 * -ECANCELED before this returns. */
void cp_tap_cancel(struct cp_family *family, const void *ctx);
/* Likewise, those of this asker. */
void cp_tap_leave(struct cp_family *family, uint64_t asker);

/* ---- for the family ---- */
void cp_taps_joined(struct cp_family *family, struct cp_member *member);
/* The member's recording will not grow any more; what is alive, if anything, is in another. */
void cp_taps_left(struct cp_family *family, struct cp_member *member);
/* It stood in for one that joins now, and has nothing that was recorded. */
void cp_taps_forget(struct cp_family *family, const struct cp_member *member);
/* The process has moved its recording as it is to another file. */
void cp_taps_moved(struct cp_family *family, const struct cp_member *member, struct cp_view *view);
/* Those whose time is over by then are handed to the encoding thread. */
void cp_taps_due(struct cp_family *family, uint64_t now_ns);
uint64_t cp_taps_next(const struct cp_family *family);
void cp_taps_cancel(struct cp_family *family);
