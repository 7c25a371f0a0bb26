/* dwarf.c - DWARF: an address to its functions, inlined ones included, files and lines.
 *
 * Units are listed once, each with its ranges (not by .debug_aranges, which clang leaves out); the
 * functions of a unit when an address of it is first asked for. All walks are counted: in damaged
 * DWARF a sibling may be its own ancestor. */
/* SPDX-License-Identifier: MIT */
#include "encoder/dwarf.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/altfile.h"
#include "encoder/functions.h"
#include "encoder/pages.h"
#include "encoder/ranges.h"
#include "encoder/sources.h"
#include "encoder/split.h"

/* Chromium has 30,000. */
#define CP_UNITS_MAX (1u << 18)
/* Of all units together. */
#define CP_UNIT_RANGES_MAX (1u << 22)

/* What libdw takes for a unit of which nothing is known yet, and for a line of its table. */
#define CP_UNIT_BYTES 1024u
#define CP_LINE_BYTES 40u
/* Looking at a unit's beginning brings in some 200 KB of the file around it. */
#define CP_UNITS_A_LOOK 128u

struct unit {
	Dwarf_Die die;	      /* whose line table and ranges count */
	Dwarf_Die split;      /* whose functions count: the same, or its part in another file */
	struct cp_part *part; /* that file, if there is one */
	struct cp_bases bases;
	struct cp_functions functions;
	bool listed;
	bool sane; /* its table of lines */
};

struct cp_dwarf {
	Dwarf *dwarf;
	struct unit *units;
	uint32_t count, room;
	struct cp_split split;
	struct cp_alt alt;
	struct cp_ranges ranges; /* of units */
	size_t bytes;		 /* of memory, nearly */
};

static void add_ranges(struct cp_ranges *ranges, Dwarf_Die *die, uint32_t number, uint32_t *budget)
{
	static const struct cp_bases whole;
	struct cp_entry_ranges its;
	uint64_t start, end;
	cp_entry_ranges(&its, &whole, die, budget);
	while (cp_entry_next_range(&its, &start, &end))
		if (cp_ranges_add(ranges, start, end, number))
			return;
}

static int add_unit(struct cp_dwarf *dwarf, Dwarf_Die *die, uint32_t *budget)
{
	if (dwarf->count == dwarf->room) {
		uint32_t room = dwarf->room ? dwarf->room * 2 : 64;
		void *units = room > CP_UNITS_MAX
				  ? NULL
				  : realloc(dwarf->units, room * sizeof(*dwarf->units));
		if (!units)
			return -1;
		dwarf->units = units;
		dwarf->room = room;
	}
	dwarf->units[dwarf->count] = (struct unit){.die = *die, .split = *die};
	add_ranges(&dwarf->ranges, die, dwarf->count++, budget);
	return 0;
}

static void list_units(struct cp_dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Half version;
	uint32_t budget = CP_UNIT_RANGES_MAX;
	uint8_t type;
	for (uint32_t i = 0; i < CP_UNITS_MAX; i++) {
		Dwarf_Die die;
		if (dwarf_get_units(dwarf->dwarf, unit, &unit, &version, &type, &die, NULL))
			break;
		if (type != DW_UT_compile && type != DW_UT_skeleton)
			continue;
		if (dwarf_tag(&die) != DW_TAG_compile_unit &&
		    dwarf_tag(&die) != DW_TAG_skeleton_unit)
			continue;
		if (add_unit(dwarf, &die, &budget))
			break;
		if (dwarf->count % CP_UNITS_A_LOOK == 0)
			cp_pages_let_go(dwarf_getelf(dwarf->dwarf));
	}
	cp_ranges_sort(&dwarf->ranges);
}

struct cp_dwarf *cp_dwarf_open(const struct cp_elf *file)
{
	struct cp_dwarf *dwarf = calloc(1, sizeof(*dwarf));
	if (!dwarf)
		return NULL;
	dwarf->dwarf = dwarf_begin_elf(file->elf, DWARF_C_READ, NULL);
	dwarf->split.program = file;
	if (dwarf->dwarf) {
		cp_alt_set(&dwarf->alt, dwarf->dwarf, file);
		list_units(dwarf);
	}
	dwarf->bytes += dwarf->room * sizeof(*dwarf->units) + dwarf->count * CP_UNIT_BYTES +
			dwarf->ranges.room * sizeof(*dwarf->ranges.ranges);
	if (dwarf->count)
		return dwarf;
	cp_dwarf_close(dwarf);
	return NULL;
}

void cp_dwarf_close(struct cp_dwarf *dwarf)
{
	if (!dwarf)
		return;
	for (uint32_t i = 0; i < dwarf->count; i++) {
		cp_functions_free(&dwarf->units[i].functions);
		cp_part_close(dwarf->units[i].part);
	}
	cp_split_close(&dwarf->split);
	cp_ranges_free(&dwarf->ranges);
	free(dwarf->units);
	dwarf_end(dwarf->dwarf);
	cp_alt_close(&dwarf->alt);
	free(dwarf);
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value = 0;
	Dwarf_Attribute *found = dwarf_attr_integrate(die, name, &attribute);
	if (!found || dwarf_formudata(found, &value) || value > INT32_MAX)
		return 0;
	return (uint32_t)value;
}

/* The table of files of a unit whose functions lie in another file is the one beside its lines. */
static void name_file(struct unit *unit, Dwarf_CU *of, uint32_t number, const char **dir,
		      const char **file)
{
	Dwarf_Die home = unit->die;
	Dwarf_Files *files = NULL;
	size_t count = 0;
	if (of != unit->split.cu && !dwarf_cu_die(of, &home, NULL, NULL, NULL, NULL, NULL, NULL))
		return;
	bool sane = of == unit->split.cu ? unit->sane : cp_source_is_sane(&home);
	if (!sane || dwarf_getsrcfiles(&home, &files, &count) || number >= count)
		return;
	*file = dwarf_filesrc(files, number, NULL, NULL);
	*dir = cp_source_dir(&home, *file);
}

static void declare(struct cp_dwarf_frame *frame, struct unit *unit, Dwarf_Die *die)
{
	Dwarf_Attribute attribute;
	Dwarf_Word number = 0;
	const char *file = NULL, *dir = NULL;
	/* not dwarf_decl_file: its assertions end the process where a unit is split */
	if (dwarf_attr_integrate(die, DW_AT_decl_file, &attribute) &&
	    !dwarf_formudata(&attribute, &number) && number <= INT32_MAX)
		name_file(unit, attribute.cu, (uint32_t)number, &dir, &file);
	/* A function's first line means nothing in another file (a macro's, an included one). */
	if (file && frame->file && !strcmp(file, frame->file))
		frame->start_line = number_of(die, DW_AT_decl_line);
	if (!frame->file) {
		frame->file = file;
		frame->dir = dir;
	}
}

static void name_frame(struct cp_dwarf_frame *frame, struct unit *unit, Dwarf_Die *die)
{
	frame->linkage = cp_entry_text(&unit->bases, die, DW_AT_linkage_name);
	if (!frame->linkage)
		frame->linkage = cp_entry_text(&unit->bases, die, DW_AT_MIPS_linkage_name);
	frame->name = cp_entry_text(&unit->bases, die, DW_AT_name);
	if (!frame->linkage)
		cp_functions_scope(&unit->functions, die, frame->scope, sizeof(frame->scope));
	declare(frame, unit, die);
}

static void place_caller(struct cp_dwarf_frame *frame, struct unit *unit, Dwarf_Die *callee)
{
	uint32_t number = number_of(callee, DW_AT_call_file);
	frame->line = number_of(callee, DW_AT_call_line);
	name_file(unit, callee->cu, number, &frame->dir, &frame->file);
}

/* What libdw keeps of it until the end, and what we do. */
static void weigh_unit(struct cp_dwarf *dwarf, struct unit *unit)
{
	Dwarf_Lines *lines = NULL;
	size_t count = 0;
	if (unit->sane && !dwarf_getsrclines(&unit->die, &lines, &count))
		dwarf->bytes += count * CP_LINE_BYTES;
	dwarf->bytes += cp_functions_bytes(&unit->functions);
}

size_t cp_dwarf_bytes(const struct cp_dwarf *dwarf)
{
	return dwarf ? dwarf->bytes : 0;
}

uint32_t cp_dwarf_unit(const struct cp_dwarf *dwarf, uint64_t address)
{
	return cp_ranges_find(&dwarf->ranges, address);
}

bool cp_dwarf_is_ready(const struct cp_dwarf *dwarf, uint64_t address)
{
	uint32_t number = cp_dwarf_unit(dwarf, address);
	return number >= dwarf->count || dwarf->units[number].listed;
}

static void open_part(struct cp_dwarf *dwarf, struct unit *unit)
{
	unit->part = cp_split_part(&dwarf->split, &unit->die);
	if (!unit->part)
		return;
	unit->split = unit->part->die;
	unit->bases = unit->part->bases;
	dwarf->bytes += unit->part->bytes;
}

int cp_dwarf_find(struct cp_dwarf *dwarf, uint64_t address,
		  struct cp_dwarf_frame frames[CP_INLINES_MAX])
{
	Dwarf_Die scopes[CP_INLINES_MAX];
	uint32_t number = cp_ranges_find(&dwarf->ranges, address);
	if (number >= dwarf->count)
		return 0;
	struct unit *unit = &dwarf->units[number];
	if (!unit->listed) {
		unit->listed = true;
		unit->sane = cp_source_is_sane(&unit->die);
		open_part(dwarf, unit);
		cp_functions_list(&unit->functions, &unit->bases, &unit->split);
		weigh_unit(dwarf, unit);
	}
	const Dwarf_Die *function = cp_functions_at(&unit->functions, address);
	int count = function ? cp_inlines_at(&unit->bases, function, address, scopes) : 0, line = 0;
	memset(frames, 0, sizeof(*frames) * (size_t)(count ? count : 1));
	Dwarf_Line *place = unit->sane ? dwarf_getsrc_die(&unit->die, address) : NULL;
	if (place && !dwarf_lineno(place, &line)) {
		frames[0].file = dwarf_linesrc(place, NULL, NULL);
		frames[0].dir = cp_source_dir(&unit->die, frames[0].file);
		frames[0].line = line > 0 ? (uint32_t)line : 0;
	}
	for (int i = 0; i < count; i++) {
		if (i)
			place_caller(&frames[i], unit, &scopes[count - i]);
		name_frame(&frames[i], unit, &scopes[count - 1 - i]);
	}
	return count ? count : frames[0].line > 0;
}
