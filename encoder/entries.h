/* entries.h - what a DWARF entry says, wherever the parts of it lie: its texts, its addresses. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cp_span {
	const uint8_t *start;
	size_t size;
};

/* What the entries of a unit refer to by number, when they lie in a file of their own (.dwo, .dwp)
 * and that in another: each from the unit's share on. All zero: libdw knows it. */
struct cp_bases {
	bool split;
	Dwarf_Half version;
	struct cp_span addresses, ranges, offsets, strings;
	uint64_t low; /* ranges begin there, if they do not say where */
};

/* From byte at on; empty when there are not so many. */
struct cp_span cp_span_from(struct cp_span bytes, uint64_t at);
/* A number of so many bytes, at most 8; whether it is there. */
bool cp_span_number(struct cp_span bytes, uint64_t at, size_t size, uint64_t *number);

/* NULL: it has none. */
const char *cp_entry_text(const struct cp_bases *bases, Dwarf_Die *die, unsigned name);

struct cp_entry_ranges {
	const struct cp_bases *bases;
	Dwarf_Die *die;
	ptrdiff_t at; /* libdw's */
	Dwarf_Addr base;
	struct cp_span left;
	uint64_t start, end; /* of a single one, not yet given */
	uint32_t *budget;
};
/* One range after the other, empty ones too; false: there are no more. Each takes one from the
 * budget: in damaged DWARF a million entries may share a list of a million ranges. */
void cp_entry_ranges(struct cp_entry_ranges *ranges, const struct cp_bases *bases, Dwarf_Die *die,
		     uint32_t *budget);
bool cp_entry_next_range(struct cp_entry_ranges *ranges, uint64_t *start, uint64_t *end);
bool cp_entry_has(const struct cp_bases *bases, Dwarf_Die *die, uint64_t address, uint32_t *budget);
