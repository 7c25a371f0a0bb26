/* entries.c - what a DWARF entry says, wherever the parts of it lie: its texts, its addresses.
 *
 * libdw can do it where a unit is whole, and for a .dwo that it opened by itself: any file whose
 * path the DWARF names, when the unit is first looked at. It knows no .dwp. So we open them
 * (split.c), let libdw read the entries, and follow their numbers here. */
/* SPDX-License-Identifier: MIT */
#include "encoder/entries.h"

#include <dwarf.h>
#include <string.h>

struct cp_span cp_span_from(struct cp_span bytes, uint64_t at)
{
	if (at >= bytes.size)
		return (struct cp_span){0};
	return (struct cp_span){bytes.start + at, bytes.size - at};
}

bool cp_span_number(struct cp_span bytes, uint64_t at, size_t size, uint64_t *number)
{
	*number = 0;
	if (size > sizeof(*number) || at > bytes.size || bytes.size - at < size)
		return false;
	memcpy(number, bytes.start + at, size); /* both machines we run on are little endian */
	return true;
}

static bool take(struct cp_span *bytes, size_t size, uint64_t *number)
{
	bool there = cp_span_number(*bytes, 0, size, number);
	*bytes = cp_span_from(*bytes, there ? size : UINT64_MAX);
	return there;
}

static bool take_uleb(struct cp_span *bytes, uint64_t *number)
{
	uint64_t byte = 0x80;
	*number = 0;
	for (unsigned shift = 0; (byte & 0x80) && take(bytes, 1, &byte); shift += 7)
		if (shift < 64)
			*number |= (byte & 0x7f) << shift;
	return !(byte & 0x80);
}

/* The number that stands in the attribute itself, an index or an offset: libdw looks that it does
 * not reach over the end. */
static bool plain_number(Dwarf_Attribute attribute, uint64_t *number)
{
	static const struct {
		uint16_t form, as;
	} forms[] = {
	    {DW_FORM_GNU_addr_index, DW_FORM_udata}, {DW_FORM_GNU_str_index, DW_FORM_udata},
	    {DW_FORM_addrx, DW_FORM_udata},	     {DW_FORM_strx, DW_FORM_udata},
	    {DW_FORM_rnglistx, DW_FORM_udata},	     {DW_FORM_addrx1, DW_FORM_data1},
	    {DW_FORM_strx1, DW_FORM_data1},	     {DW_FORM_addrx2, DW_FORM_data2},
	    {DW_FORM_strx2, DW_FORM_data2},	     {DW_FORM_addrx4, DW_FORM_data4},
	    {DW_FORM_strx4, DW_FORM_data4},	     {DW_FORM_sec_offset, DW_FORM_data4}};
	Dwarf_Word word = 0;
	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		if (attribute.form == forms[i].form) {
			attribute.form = forms[i].as;
			break;
		}
	}
	attribute.code = DW_AT_decl_line; /* a number, whatever the name says */
	bool there = !dwarf_formudata(&attribute, &word);
	*number = word;
	return there;
}

static bool is_text_by_number(unsigned form)
{
	return form == DW_FORM_GNU_str_index || form == DW_FORM_strx || form == DW_FORM_strx1 ||
	       form == DW_FORM_strx2 || form == DW_FORM_strx4;
}

const char *cp_entry_text(const struct cp_bases *bases, Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	uint64_t number, at;
	if (!dwarf_attr_integrate(die, name, &attribute))
		return NULL;
	if (!bases->split || !is_text_by_number(attribute.form))
		return dwarf_formstring(&attribute);
	if (!plain_number(attribute, &number) || number > UINT32_MAX ||
	    !cp_span_number(bases->offsets, number * 4, 4, &at))
		return NULL;
	struct cp_span text = cp_span_from(bases->strings, at);
	return text.size && memchr(text.start, 0, text.size) ? (const char *)text.start : NULL;
}

static bool address_at(const struct cp_bases *bases, uint64_t number, uint64_t *address)
{
	return number <= UINT32_MAX && cp_span_number(bases->addresses, number * 8, 8, address);
}

static bool address_of(const struct cp_bases *bases, Dwarf_Die *die, unsigned name, bool *offset,
		       uint64_t *address)
{
	Dwarf_Attribute attribute;
	uint64_t number;
	*offset = false;
	if (!dwarf_attr(die, name, &attribute))
		return false;
	if (attribute.form == DW_FORM_addr)
		return !dwarf_formaddr(&attribute, address);
	if (!plain_number(attribute, &number))
		return false;
	*address = number;
	*offset = true;
	if (attribute.form != DW_FORM_addrx && attribute.form != DW_FORM_addrx1 &&
	    attribute.form != DW_FORM_addrx2 && attribute.form != DW_FORM_addrx4 &&
	    attribute.form != DW_FORM_GNU_addr_index)
		return name == DW_AT_high_pc;
	*offset = false;
	return address_at(bases, number, address);
}

/* Where a list of ranges begins. */
static struct cp_span list_of(const struct cp_bases *bases, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	uint64_t number, at;
	if (!dwarf_attr(die, DW_AT_ranges, &attribute) || !plain_number(attribute, &number))
		return (struct cp_span){0};
	if (attribute.form != DW_FORM_rnglistx)
		return cp_span_from(bases->ranges, number);
	const struct cp_span table = cp_span_from(bases->ranges, 12); /* behind its head */
	if (number > UINT32_MAX || !cp_span_number(table, number * 4, 4, &at))
		return (struct cp_span){0};
	return cp_span_from(table, at);
}

void cp_entry_ranges(struct cp_entry_ranges *ranges, const struct cp_bases *bases, Dwarf_Die *die,
		     uint32_t *budget)
{
	bool offset = false;
	*ranges = (struct cp_entry_ranges){.bases = bases, .die = die, .base = bases->low};
	ranges->budget = budget;
	if (!bases->split)
		return;
	if (address_of(bases, die, DW_AT_low_pc, &offset, &ranges->start) &&
	    address_of(bases, die, DW_AT_high_pc, &offset, &ranges->end)) {
		ranges->end += offset ? ranges->start : 0;
		return;
	}
	ranges->start = ranges->end = 0;
	ranges->left = list_of(bases, die);
}

/* DWARF 4: pairs; ~0 in front of a new base. */
static bool next_pair(struct cp_entry_ranges *ranges, uint64_t *start, uint64_t *end)
{
	while (take(&ranges->left, 8, start) && take(&ranges->left, 8, end) && (*start || *end)) {
		if (*start != UINT64_MAX) {
			*start += ranges->base;
			*end += ranges->base;
			return true;
		}
		ranges->base = *end;
	}
	return false;
}

/* Reads what follows the kind of an entry; its two numbers as they stand there. */
static bool take_two(struct cp_span *left, uint64_t kind, uint64_t *one, uint64_t *two)
{
	*two = 0;
	switch (kind) {
	case DW_RLE_base_addressx:
		return take_uleb(left, one);
	case DW_RLE_base_address:
		return take(left, 8, one);
	case DW_RLE_startx_endx:
	case DW_RLE_startx_length:
	case DW_RLE_offset_pair:
		return take_uleb(left, one) && take_uleb(left, two);
	case DW_RLE_start_end:
		return take(left, 8, one) && take(left, 8, two);
	case DW_RLE_start_length:
		return take(left, 8, one) && take_uleb(left, two);
	default:
		return false;
	}
}

/* DWARF 5. */
static bool next_entry(struct cp_entry_ranges *ranges, uint64_t *start, uint64_t *end)
{
	uint64_t kind, one, two;
	while (take(&ranges->left, 1, &kind) && kind != DW_RLE_end_of_list &&
	       take_two(&ranges->left, kind, &one, &two)) {
		bool by_number = kind == DW_RLE_base_addressx || kind == DW_RLE_startx_endx ||
				 kind == DW_RLE_startx_length;
		if (by_number && !address_at(ranges->bases, one, &one))
			return false;
		if (kind == DW_RLE_startx_endx && !address_at(ranges->bases, two, &two))
			return false;
		if (kind == DW_RLE_base_addressx || kind == DW_RLE_base_address) {
			ranges->base = one;
			continue;
		}
		bool from_base = kind == DW_RLE_offset_pair;
		bool length = kind == DW_RLE_startx_length || kind == DW_RLE_start_length;
		*start = one + (from_base ? ranges->base : 0);
		*end = two + (from_base ? ranges->base : length ? one : 0);
		return true;
	}
	return false;
}

bool cp_entry_next_range(struct cp_entry_ranges *ranges, uint64_t *start, uint64_t *end)
{
	if (!*ranges->budget)
		return false;
	--*ranges->budget;
	if (!ranges->bases->split) {
		ranges->at = dwarf_ranges(ranges->die, ranges->at, &ranges->base, start, end);
		return ranges->at > 0;
	}
	if (ranges->end) {
		*start = ranges->start;
		*end = ranges->end;
		ranges->end = 0;
		return true;
	}
	return ranges->bases->version < 5 ? next_pair(ranges, start, end)
					  : next_entry(ranges, start, end);
}

bool cp_entry_has(const struct cp_bases *bases, Dwarf_Die *die, uint64_t address, uint32_t *budget)
{
	struct cp_entry_ranges ranges;
	uint64_t start, end;
	cp_entry_ranges(&ranges, bases, die, budget);
	while (cp_entry_next_range(&ranges, &start, &end))
		if (address >= start && address < end)
			return true;
	return false;
}
