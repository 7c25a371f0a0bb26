/* terminal.h - a terminal as a screen of our own, and given back as it was, however we end. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Keys come one by one and unseen, a fresh screen is shown; 0 or -errno. */
int cp_terminal_begin(void);
/* As it was before; again, or without a beginning: nothing. Fit for signal handlers. */
void cp_terminal_end(void);
/* Its size, or 80 x 24 when it does not say. */
void cp_terminal_size(unsigned *columns, unsigned *rows);
