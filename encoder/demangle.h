/* demangle.h - linker names as people wrote them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "base/config.h"

/* Writes the C++ or Rust name behind a linker name, or the name itself, without @VERSION and
 * without what the compiler hung on to a piece of a function (.cold, .part.0); @plt stays. Names of
 * other languages are left as they are. Always ends with NUL; what does not fit is cut. */
void cp_demangle(const char *name, enum cp_demangling how, char *text, size_t text_len);
/* Cuts out of a C++ name what CP_DEMANGLE_SHORT leaves out: f<int>(int)::g(long) becomes f::g. */
void cp_demangle_shorten(char *text);
