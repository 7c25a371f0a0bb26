/* exitcode.h - what the kernel says of a process that is over. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

/* The status as wait() would give it, of a process that need not be our child. pidfd: -1 when there
 * is none. said: what the process gave exit(), by its own word; -1: nothing. 0; -ENOENT when the
 * kernel can't, or must not, tell us any more; -EBUSY while it is alive. */
int cp_exitcode(int pidfd, pid_t pid, int said, int *status);
/* Whether it is over with all of its threads, as far as can be seen: reaped or not. */
int cp_exitcode_is_over(int pidfd, pid_t pid);

/* The parent's number of a process; 0: it is gone. */
pid_t cp_exitcode_parent(pid_t pid);
