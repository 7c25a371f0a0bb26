/* spawn.h - threads: their beginning and end, for the calls that make them and for the constructor.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/thread.h"

/* The calling thread is to be noticed when it ends. */
void cp_spawn_watch_end(struct cp_thread *self);
/* Makes the key whose destructor sees threads end. Once, by the constructor. */
void cp_spawn_open(void);
/* In a forked child: the threads that were about to begin are not here. */
void cp_spawn_forked(void);
