/* roster.h - the recording's list of living threads, and their count by creation stack. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/stacks.h"
#include "signal/thread.h"

/* Counts one more thread with this creation stack as made; why: what became of the stack. Behind
 * the door, in a process that is recorded; it may be moving. What was counted is what is to be said
 * when it ends. */
struct cp_made cp_roster_made(uint32_t row, enum cp_loss why);
/* A thread that was made so has ended. Behind the door. */
void cp_roster_ended(const struct cp_made *made);
/* Enters the calling thread: a slot of the list, if there is one. */
void cp_roster_in(struct cp_thread *self, const struct cp_made *made);
/* The calling thread ends: its slot is free again, or will be; one more has ended, if it was
 * counted. */
void cp_roster_out(struct cp_thread *self);
/* A slot for one that nobody has counted: it may have been made by a system call. */
void cp_roster_met(struct cp_thread *self);
/* What it is called now. */
void cp_roster_name(const struct cp_thread *self);
/* Enters and counts a thread that nobody we know created, such as the first: its stack is the
 * program's entry point. */
void cp_roster_first(struct cp_thread *self);

/* ---- for who exchanges the recording (moving.c) ---- */
/* Enters the living threads in an empty recording of the same size (census.c): names, slots, how
 * many there are without a row, and their rows, which stand first there; map is that of blocks.h.
 */
void cp_roster_copy(struct cp_recording *to, struct cp_recording *from, uint32_t *map);
/* The recording is there: who was made, or ended, meanwhile is counted. */
void cp_roster_settle(void);
/* In a forked child: what others wanted to be counted is their parent's. */
void cp_roster_forked(void);
