/* ctl.h - `conprof ctl`: sampling is stopped, goes on, or changes its rate, by a person's word. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* args: what follows `ctl`, up to NULL. The exit status: 0; 1: there is no such process, or the
 * answer did not come; 2: not understood. */
int cp_ctl_main(char **args);
