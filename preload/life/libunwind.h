/* libunwind.h - libunwind, brought in without its manners. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Opens libunwind.so.8 for us alone and stands in front of what it calls of libc. From the
 * constructor, after cp_modules_open. 0, or -1: not there, or not as we know it; then the unwinder
 * goes by frame pointers. */
int cp_libunwind_open(void);
