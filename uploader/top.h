/* top.h - `conprof top`: what a program does, in a terminal, as it does it. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* argv[0] is the word itself. The exit status: 0, 1 when there is nothing to be seen, 2 when the
 * command line is not understood. */
int cp_top_main(int argc, char **argv);
