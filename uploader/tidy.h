/* tidy.h - what must go from a spool: what killed writers left, what is damaged, what is too old or
 * too much. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/shelf.h"
#include "uploader/spool.h"

/* Goes through a shelf that has been read just now; what is dropped of it has no marks any more.
 * Whatever somebody holds just now stays. */
void cp_tidy(struct cp_spool *spool, int dir, struct cp_shelf *shelf);
/* A damaged entry into the folder `corrupt`, or, if that cannot be or is full, away. */
void cp_tidy_set_aside(struct cp_spool *spool, int dir, const char *stem);
