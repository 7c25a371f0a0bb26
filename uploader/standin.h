/* standin.h - a recording for a process that sleeps: it has said hello, and had no event since.
 *
 * A seat that is taken, though nobody has spoken yet: the roll says that one is there. What the
 * library would have recorded of such a process is one thread, the first. We write that for it,
 * from what /proc says, and its own recording takes the place when it wakes. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

#include "base/recording.h"

/* The descriptor of a sealed recording, to be closed by the caller; -errno: that process is gone,
 * or can't be looked at. like: one of its family's, whose settings it has. */
int cp_standin_make(pid_t pid, uint64_t start_ns, const struct cp_recording *like);
