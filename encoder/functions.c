/* functions.c - the functions of one DWARF unit: where they lie, and in what they were written.
 *
 * Compilers leave the linker's name out where nobody links: inlined static functions, lambdas. Then
 * a name like operator() says nothing without its scope, and DWARF has no way up from an entry. So
 * the walk down that finds the functions remembers it. */
/* SPDX-License-Identifier: MIT */
#include "encoder/functions.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Entries and their ranges: Chromium's largest unit has half a million. */
#define CP_ENTRIES_MAX	  (1u << 22)
#define CP_WALK_DEPTH_MAX 64
/* Scopes written in one name; references followed to find the declaration. */
#define CP_SCOPES_IN_NAME 16
#define CP_REFERENCES_MAX 8

/* Scope 0 is the unit itself. */
struct cp_scope {
	const char *name;
	uint32_t parent;
};

struct cp_home {
	Dwarf_Off at;
	uint32_t scope;
};

/* The array with room for one more; NULL when memory is out, and the old one still stands. */
static void *grown(void *array, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return array;
	uint32_t more = *room ? *room * 2 : 32;
	void *moved = realloc(array, more * size);
	if (moved)
		*room = more;
	return moved;
}

static void add_entry(struct cp_functions *f, const Dwarf_Die *die, uint32_t scope)
{
	Dwarf_Die copy = *die;
	struct cp_entry_ranges ranges;
	uint64_t start, end;
	struct cp_home *homes = grown(f->homes, f->home_count, &f->home_room, sizeof(*homes));
	if (homes) {
		f->homes = homes;
		homes[f->home_count++] = (struct cp_home){dwarf_dieoffset(&copy), scope};
	}
	Dwarf_Die *entries = grown(f->entries, f->entry_count, &f->entry_room, sizeof(*entries));
	if (!entries)
		return;
	f->entries = entries;
	size_t before = f->ranges.count;
	cp_entry_ranges(&ranges, f->bases, &copy, &f->budget);
	while (cp_entry_next_range(&ranges, &start, &end))
		if (cp_ranges_add(&f->ranges, start, end, f->entry_count))
			break;
	if (f->ranges.count != before)
		entries[f->entry_count++] = *die;
}

static uint32_t add_scope(struct cp_functions *f, Dwarf_Die *die, uint32_t parent)
{
	struct cp_scope *scopes = grown(f->scopes, f->scope_count, &f->scope_room, sizeof(*scopes));
	if (!scopes)
		return parent;
	f->scopes = scopes;
	const char *name = cp_entry_text(f->bases, die, DW_AT_name);
	/* a type that has functions but no name is nearly always a lambda's */
	if (!name)
		name = dwarf_tag(die) == DW_TAG_namespace ? "(anonymous namespace)" : "{lambda}";
	scopes[f->scope_count] = (struct cp_scope){name, parent};
	return f->scope_count++;
}

/* Rust and C++ put functions under namespaces and types, these may be in functions again. */
static void walk(struct cp_functions *f, Dwarf_Die *parent, uint32_t scope, int depth)
{
	Dwarf_Die die;
	if (depth > CP_WALK_DEPTH_MAX || dwarf_child(parent, &die))
		return;
	do {
		if (!f->budget)
			return;
		f->budget--;
		int tag = dwarf_tag(&die);
		if (tag == DW_TAG_subprogram)
			add_entry(f, &die, scope);
		if (tag == DW_TAG_inlined_subroutine || dwarf_haschildren(&die) <= 0)
			continue;
		if (tag == DW_TAG_lexical_block)
			walk(f, &die, scope, depth + 1);
		else if (tag == DW_TAG_subprogram || tag == DW_TAG_namespace ||
			 tag == DW_TAG_module || tag == DW_TAG_class_type ||
			 tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
			 tag == DW_TAG_enumeration_type)
			walk(f, &die, add_scope(f, &die, scope), depth + 1);
	} while (dwarf_siblingof(&die, &die) == 0);
}

static int by_offset(const void *a, const void *b)
{
	const struct cp_home *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

void cp_functions_list(struct cp_functions *functions, const struct cp_bases *bases,
		       Dwarf_Die *unit)
{
	functions->bases = bases;
	functions->budget = CP_ENTRIES_MAX;
	add_scope(functions, unit, 0);
	if (functions->scope_count)
		walk(functions, unit, 0, 0);
	cp_ranges_sort(&functions->ranges);
	/* in the order of the file already, unless it is damaged */
	if (functions->home_count)
		qsort(functions->homes, functions->home_count, sizeof(*functions->homes),
		      by_offset);
}

const Dwarf_Die *cp_functions_at(const struct cp_functions *functions, uint64_t address)
{
	uint32_t number = cp_ranges_find(&functions->ranges, address);
	return number < functions->entry_count ? &functions->entries[number] : NULL;
}

/* The scope of the entry, or of what it is a copy or the body of. */
static uint32_t scope_of(const struct cp_functions *f, const Dwarf_Die *function)
{
	Dwarf_Die die = *function;
	for (int i = 0; i < CP_REFERENCES_MAX && f->home_count; i++) {
		Dwarf_Attribute attribute;
		const struct cp_home key = {.at = dwarf_dieoffset(&die)};
		const struct cp_home *home =
		    bsearch(&key, f->homes, f->home_count, sizeof(key), by_offset);
		if (home && home->scope)
			return home->scope;
		if (!dwarf_attr(&die, DW_AT_abstract_origin, &attribute) &&
		    !dwarf_attr(&die, DW_AT_specification, &attribute))
			break;
		if (!dwarf_formref_die(&attribute, &die))
			break;
	}
	return 0;
}

void cp_functions_scope(const struct cp_functions *functions, const Dwarf_Die *function, char *text,
			size_t room)
{
	uint32_t chain[CP_SCOPES_IN_NAME];
	int count = 0;
	size_t len = 0;
	text[0] = 0;
	for (uint32_t at = scope_of(functions, function); at && count < CP_SCOPES_IN_NAME;
	     at = functions->scopes[at].parent)
		chain[count++] = at;
	while (count-- && len < room)
		len += (size_t)snprintf(text + len, room - len,
					"%s::", functions->scopes[chain[count]].name);
}

size_t cp_functions_bytes(const struct cp_functions *functions)
{
	return functions->ranges.room * sizeof(*functions->ranges.ranges) +
	       functions->entry_room * sizeof(*functions->entries) +
	       functions->scope_room * sizeof(*functions->scopes) +
	       functions->home_room * sizeof(*functions->homes);
}

void cp_functions_free(struct cp_functions *functions)
{
	cp_ranges_free(&functions->ranges);
	free(functions->entries);
	free(functions->scopes);
	free(functions->homes);
	*functions = (struct cp_functions){0};
}
