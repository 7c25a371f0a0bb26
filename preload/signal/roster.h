/* roster.h - the recording's list of living threads, and their count by creation stack. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Enters the calling thread, who was counted as made by its creator or is by cp_roster_made: a slot
 * of the list, if there is one. row: its creation stack, or CP_NO_ROW. */
void cp_roster_in(struct cp_thread *self, uint32_t row);
/* Counts one more thread with this creation stack as made; why: what became of the stack. */
void cp_roster_made(uint32_t row, enum cp_loss why);
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
