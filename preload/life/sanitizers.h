/* sanitizers.h - programs that are built with one, or run under valgrind. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether this program is: it owns malloc, and we stay out. */
int cp_sanitized(void);
/* Whether valgrind runs it. */
int cp_under_valgrind(void);
