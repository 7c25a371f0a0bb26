/* demangle.h - linker names as people wrote them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* Writes the C++ or Rust name behind a linker name, or the name itself, without @VERSION and
 * without what the compiler hung on to a piece of a function (.cold, .part.0). Always ends with
 * NUL; what does not fit is cut. */
void cp_demangle(const char *name, char *text, size_t text_len);
