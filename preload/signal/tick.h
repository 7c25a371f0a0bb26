/* tick.h - the handler of SIGPROF: ours is counted, the application's is handed on. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <signal.h>

/* Installs the handler. What stood there before becomes the application's action. 0 or -errno. */
int cp_tick_install(void);
int cp_tick_is_installed(void);

/* What the application believes to be installed for SIGPROF. set: exchanges it (signal-safe, and
 * seen whole by a handler: one of two copies is always complete). */
void cp_app_action_get(struct sigaction *action);
void cp_app_action_set(const struct sigaction *action);

/* Before exec: what the application set to be ignored stays ignored in the new image. */
void cp_tick_before_exec(void);
void cp_tick_after_failed_exec(void);
