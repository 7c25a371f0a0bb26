/* custody.h - which recordings a film was taken of, until it is safe.
 *
 * A receipt: the one half goes with the film, the other stays with the program. Once the film is in
 * the spool, or nobody can do more for it, the recordings are told, and their marks may move. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"

struct cp_custody;

/* For so many recordings; NULL: no memory. Two halves. */
struct cp_custody *cp_custody_new(unsigned room);
/* While only its maker knows of it. */
void cp_custody_add(struct cp_custody *custody, struct cp_view *view);
/* The film's half: it is safe. The recordings are told, and the half is gone. Any thread; NULL is
 * allowed in all that follow. */
void cp_custody_is_safe(struct cp_custody *custody);
/* The program's half: whether that has been said. None: it has. */
int cp_custody_is_over(const struct cp_custody *custody);
void cp_custody_drop(struct cp_custody *custody);
