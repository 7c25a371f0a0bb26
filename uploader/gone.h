/* gone.h - notes about entries of a spool that went, for whoever still has to know that they were.
 *
 * An uploader was killed; the one that came first after it delivers what lies in the spool, and
 * processes that come later ask whether what was taken of them was there (encoder/film.c). */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Before the entry is carried to where it goes to. Notes that are older than an hour are removed.
 */
void cp_gone_note(int dir, const char *stem);
int cp_gone_is_noted(int dir, const char *stem);
