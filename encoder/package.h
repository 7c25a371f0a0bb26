/* package.h - a .dwp: the split parts of all units of a program in one file. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/elffile.h"
#include "encoder/entries.h"

/* A unit's shares of the sections, found by its number; empty: it has none. */
struct cp_shares {
	struct cp_span info, abbrev, offsets, ranges, strings;
};

/* The section of that name, unpacked or never packed; empty: there is none. */
struct cp_span cp_elf_section(Elf *elf, const char *name);
/* Whether the unit is in it. */
bool cp_package_find(Elf *package, uint64_t id, struct cp_shares *shares);
/* The same of a .dwo in which types stand in sections of their own, all of the same name. */
bool cp_package_find_loose(Elf *part, uint64_t id, struct cp_shares *shares);
/* What libdw needs to read a unit's entries, as a file of their own. 0, or -1. */
int cp_package_extract(const struct cp_shares *shares, struct cp_elf *file);
