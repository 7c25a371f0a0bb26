/* split.h - the part of a unit that lies in a file of its own (-gsplit-dwarf). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/elffile.h"
#include "encoder/entries.h"

/* Where parts are looked for: beside the program, and its package, opened when first needed. */
struct cp_split {
	const struct cp_elf *program;
	struct cp_elf package;
	bool package_asked;
};

struct cp_part {
	struct cp_elf whole; /* its .dwo */
	struct cp_elf file;  /* of which libdw reads: the same, or what it needs of it */
	Dwarf *dwarf;
	Dwarf_Die die; /* the unit's */
	struct cp_bases bases;
	size_t bytes; /* of memory, nearly */
};

/* The part that belongs to the unit, of malloc; NULL when there is none. */
struct cp_part *cp_split_part(struct cp_split *split, Dwarf_Die *unit);
void cp_part_close(struct cp_part *part);
void cp_split_close(struct cp_split *split);
