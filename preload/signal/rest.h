/* rest.h - the CPU time that no tick saw, under the function that a thread began with. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* Counts what is due of the calling thread and was not counted (doc/why/013): at its end, or where
 * it may end. Behind the door, in a process that is recorded. */
void cp_rest_count(struct cp_thread *self);

/* The same from ordinary code: through the door, with signals blocked; nothing if this process is
 * not recorded. Keeps errno. */
void cp_rest_leave(void);
