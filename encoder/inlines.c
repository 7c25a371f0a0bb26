/* inlines.c - the inlined calls of a function that an address lies in.
 *
 * Inlined calls nest, with blocks between them. Blocks beside each other may overlap: that an
 * address lies in one does not mean that the call it belongs to does. */
/* SPDX-License-Identifier: MIT */
#include "encoder/inlines.h"

#include <dwarf.h>
#include <stdbool.h>

/* Entries and ranges looked at for one address: inlined calls and blocks of a single function. */
#define CP_ENTRIES_PER_ADDRESS (1u << 18)
#define CP_DEPTH_MAX	       256

struct search {
	const struct cp_bases *bases;
	uint64_t address;
	Dwarf_Die *scopes;
	int count;
	uint32_t budget;
};

/* Whether a call was found; all below it are then found too. */
static bool search_in(struct search *search, Dwarf_Die *parent, int depth)
{
	Dwarf_Die die;
	if (depth > CP_DEPTH_MAX || dwarf_child(parent, &die))
		return false;
	do {
		int tag = dwarf_tag(&die);
		if (!search->budget)
			return true;
		search->budget--;
		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block)
			continue;
		if (!cp_entry_has(search->bases, &die, search->address, &search->budget))
			continue;
		if (tag == DW_TAG_inlined_subroutine) {
			/* the last room is for the innermost */
			search->count += search->count < CP_INLINES_MAX;
			search->scopes[search->count - 1] = die;
			search_in(search, &die, depth + 1);
			return true;
		}
		if (search_in(search, &die, depth + 1))
			return true;
	} while (dwarf_siblingof(&die, &die) == 0);
	return false;
}

int cp_inlines_at(const struct cp_bases *bases, const Dwarf_Die *function, uint64_t address,
		  Dwarf_Die scopes[CP_INLINES_MAX])
{
	struct search search = {bases, address, scopes, 1, CP_ENTRIES_PER_ADDRESS};
	Dwarf_Die top = scopes[0] = *function;
	search_in(&search, &top, 0);
	return search.count;
}
