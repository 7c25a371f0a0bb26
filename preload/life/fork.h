/* fork.h - what happens around a fork. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* From now on forks are seen: by fork(), daemon(), forkpty() and whatever else calls libc's. Others
 * (raw clone) are noticed by the child itself, later. Once, by the constructor. */
void cp_fork_open(void);
