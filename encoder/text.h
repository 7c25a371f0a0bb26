/* text.h - strings that every reader accepts. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* Replaces, in place, every byte that is not part of valid UTF-8, and control characters, by '?'.
 */
void cp_text_clean(char *text, size_t len);
