/* mark.h - who has not got an entry of the spool yet: a file for each destination.
 *
 * A label on a jar: its name says for whom the jar is kept, and whoever carries the jar out holds
 * on to the label meanwhile, so that no second one sets out with it. The kernel lets go of it when
 * he dies on the way. What goes out in several loads has a note on its label of how many are
 * done with, so that who comes after him takes the others alone. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define CP_MARK_SUFFIX ".send-to"
#define CP_MARK_NAME   272
#define CP_STEM	       224
/* In the place of a destination's number: the one mark that entries had before there could be
 * several destinations; which, is in it. */
#define CP_MARK_OLD 0u

void cp_mark_name(const char *stem, uint64_t number, char out[CP_MARK_NAME]);
/* What a file's name says: the length of its stem and whose mark it is; 0 when it is no mark's. */
size_t cp_mark_parse(const char *name, uint64_t *number);
/* A mark for this destination, held by us: its descriptor, or -errno; -EAGAIN: somebody holds it.
 */
int cp_mark_make(int dir, const char *stem, const char *to);
/* A mark, whatever it says, held by us; -EAGAIN: somebody holds it. */
int cp_mark_hold(int dir, const char *stem, uint64_t number);
/* The mark of this destination, held by us. -EAGAIN: somebody holds it, or it went just now.
 * -ENOENT: there is none. -EBADMSG: it is nonsense. */
int cp_mark_take(int dir, const char *stem, uint64_t number, const char *to);

/* How far a parcel of several requests came: so many have been answered for good, whether one of
 * them was refused, and the print of what was in them. */
struct cp_mark_note {
	uint32_t done;
	uint32_t refused;
	uint64_t print;
};

/* In a mark that we hold. An old mark, or none (-1), takes no such note. */
void cp_mark_note(int fd, const struct cp_mark_note *note);
/* The last one; 0, or -ENOENT: there is none that makes sense. */
int cp_mark_noted(int fd, struct cp_mark_note *note);
