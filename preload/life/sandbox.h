/* sandbox.h - what this process may not do, and what it may not have. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether a seccomp filter that was there before us lets us live: the first call that it does not,
 * or NULL. By the constructor, before anything that ld.so has not done itself. *silent: not even
 * the settings may be read, nor a line written. */
const char *cp_sandbox_refuses(int *silent);

/* Whether the process's limits leave room for us: why not, or NULL. Decides how large a recording
 * may be (cp_state.small). */
const char *cp_sandbox_is_short_of(void);

/* Whether signals that wait are so few (RLIMIT_SIGPENDING: each timer takes one for good) that they
 * had better be the program's own. */
int cp_sandbox_has_few_signals(void);
