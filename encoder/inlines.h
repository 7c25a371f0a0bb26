/* inlines.h - the inlined calls of a function that an address lies in. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>
#include <stdint.h>

#include "encoder/entries.h"

/* A call chain inlined deeper than this loses its middle, never its real function. */
#define CP_INLINES_MAX 64

/* The function, then the inlined calls in it, outermost first; how many. */
int cp_inlines_at(const struct cp_bases *bases, const Dwarf_Die *function, uint64_t address,
		  Dwarf_Die scopes[CP_INLINES_MAX]);
