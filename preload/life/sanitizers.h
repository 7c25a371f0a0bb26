/* sanitizers.h - programs that are built with one. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether this program is: it owns malloc, and we stay out. */
int cp_sanitized(void);
