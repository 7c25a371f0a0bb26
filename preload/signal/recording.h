/* recording.h - making a recording: a sealed memfd, laid out, mapped. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/state.h"

/* Makes an empty recording and maps it. *fd is its descriptor, CLOEXEC, the caller's to close. NULL
 * when the system refuses (limits on files, memory, descriptors; seccomp); then *fd is -errno.
 * The tables, magic, times and pid are filled in, all else is the caller's. Runs anywhere. */
struct cp_recording *cp_recording_make(int *fd);
/* Writes into it who this process is (cp_home), and a token that nobody can guess. Runs anywhere.
 */
void cp_recording_sign(struct cp_recording *rec);
void cp_recording_drop(struct cp_recording *rec);

/* Whether it is so full that another is wanted. */
int cp_recording_is_full(const struct cp_recording *rec);
/* What it has in it now was alive when it began. */
void cp_recording_keep(struct cp_recording *rec);

/* Copies what is used of a recording into another of at least its size (a move, marks included). */
void cp_recording_copy(struct cp_recording *to, const struct cp_recording *from);
/* Copies what a later recording of the same image has from the one before, and a forked child's
 * from its parent's: who it is, the settings, the modules. */
void cp_recording_inherit(struct cp_recording *to, const struct cp_recording *from);
