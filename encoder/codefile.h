/* codefile.h - finds and opens the file in which a process names its code, if it is its own. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <sys/types.h>

/* Opens /tmp/perf-OWN_PID.map as the process sees it: a regular file with one name, which belongs
 * to root or to the process's user, and was written to since the process began, or since this time
 * (real, in ns) if it is gone. A descriptor, or -1. */
int cp_codefile_open(pid_t pid, pid_t own_pid, uint64_t since_ns);
