/* look.h - `conprof flame` and `conprof diff`: profiles from files, for a person. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* What follows the word on the command line. The exit status: 0, 1 when a file cannot be read or
 * written, 2 when the command line is not understood. */
int cp_look_flame(char **args);
int cp_look_diff(char **args);
