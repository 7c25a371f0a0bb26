/* functions.h - the functions of one DWARF unit: where they lie, and in what they were written. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>

#include "encoder/entries.h"
#include "encoder/ranges.h"

struct cp_scope; /* a namespace, a type or a function that others stand in */
struct cp_home;	 /* a function's scope, by the offset of its entry */

/* All zero is empty. */
struct cp_functions {
	const struct cp_bases *bases;
	struct cp_ranges ranges; /* of entries, by number */
	Dwarf_Die *entries;
	struct cp_scope *scopes;
	struct cp_home *homes;
	uint32_t entry_count, scope_count, home_count;
	uint32_t entry_room, scope_room, home_room;
	uint32_t budget; /* entries and ranges still to be looked at */
};

/* Once, before all others; bases must stay as long. */
void cp_functions_list(struct cp_functions *functions, const struct cp_bases *bases,
		       Dwarf_Die *unit);
/* NULL when none is known. */
const Dwarf_Die *cp_functions_at(const struct cp_functions *functions, uint64_t address);
/* Writes what stands before the function's own name, such as "shop::Till<long>::". */
void cp_functions_scope(const struct cp_functions *functions, const Dwarf_Die *function, char *text,
			size_t room);
size_t cp_functions_bytes(const struct cp_functions *functions);
void cp_functions_free(struct cp_functions *functions);
