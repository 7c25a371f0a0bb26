/* exit.h - what happens when the program exits. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* From now on exit() is seen, with its status. Once, by the constructor. */
void cp_exit_open(void);
