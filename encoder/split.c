/* split.c - the part of a unit that lies in a file of its own (-gsplit-dwarf).
 *
 * A .dwp beside the program has the parts of all units; else each has a .dwo, by the name that its
 * unit gives, in the program's folder or the one it was compiled in: in the root of the process
 * that has it mapped, then in ours. Unit and part have a number in common: a part that was compiled
 * again has another, and is not used. */
/* SPDX-License-Identifier: MIT */
#include "encoder/split.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encoder/look.h"
#include "encoder/package.h"

/* Units looked at in a .dwo: types have units of their own, often thousands. */
#define CP_PART_UNITS_MAX (1u << 16)
/* What a part may take when it is unpacked. */
#define CP_PART_UNPACKED_MAX ((size_t)64 << 20)

static const char *text_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	return dwarf_attr(die, name, &attribute) ? dwarf_formstring(&attribute) : NULL;
}

static uint64_t number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word word = 0;
	if (!dwarf_attr(die, name, &attribute))
		return 0;
	if (attribute.form == DW_FORM_sec_offset)
		attribute.form = DW_FORM_data4;
	attribute.code = DW_AT_decl_line; /* libdw checks offsets into sections against its own */
	return dwarf_formudata(&attribute, &word) ? 0 : word;
}

/* What tells the unit: its number and version. */
static bool identify(Dwarf_CU *unit, uint8_t *type, Dwarf_Half *version, uint64_t *id)
{
	return !dwarf_cu_info(unit, version, type, NULL, NULL, id, NULL, NULL);
}

/* Finds the unit with this number in the part's file. */
static bool find_unit(struct cp_part *part, Elf *elf, uint64_t id)
{
	Dwarf_CU *unit = NULL;
	part->dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	for (uint32_t i = 0; part->dwarf && i < CP_PART_UNITS_MAX; i++) {
		uint8_t type;
		uint64_t its;
		if (dwarf_get_units(part->dwarf, unit, &unit, NULL, NULL, &part->die, NULL))
			return false;
		if (identify(unit, &type, &part->bases.version, &its) &&
		    type == DW_UT_split_compile && its == id)
			return true;
	}
	return false;
}

static struct cp_span shared(struct cp_span section, Dwarf_Half version, size_t head)
{
	return version < 5 ? section : cp_span_from(section, head);
}

/* The shares of a part that is a file of its own are the whole of it. */
static void set_bases(struct cp_part *part, Elf *program, Dwarf_Die *unit,
		      const struct cp_shares *shares)
{
	struct cp_bases *bases = &part->bases;
	Dwarf_Addr low = 0;
	bool old = bases->version < 5;
	bases->split = true;
	bases->low = dwarf_lowpc(unit, &low) ? 0 : low;
	bases->addresses =
	    cp_span_from(cp_elf_section(program, ".debug_addr"),
			 number_of(unit, old ? DW_AT_GNU_addr_base : DW_AT_addr_base));
	bases->ranges = old ? cp_span_from(cp_elf_section(program, ".debug_ranges"),
					   number_of(unit, DW_AT_GNU_ranges_base))
			    : shares->ranges;
	bases->offsets = shared(shares->offsets, bases->version, 8);
	bases->strings = shares->strings;
}

static struct cp_elf *package_of(struct cp_split *split)
{
	char path[sizeof(split->package.path)];
	struct cp_origin *root = split->program->root;
	if (!split->package_asked) {
		split->package_asked = true;
		int len = snprintf(path, sizeof(path), "%s.dwp", split->program->path);
		if (len >= (int)sizeof(path) || (cp_elf_open_in(root, path, &split->package) &&
						 (!root || cp_elf_open(path, &split->package))))
			split->package.elf = NULL;
	}
	return split->package.elf ? &split->package : NULL;
}

static bool from_package(struct cp_split *split, struct cp_part *part, Dwarf_Die *unit, uint64_t id)
{
	struct cp_elf *package = package_of(split);
	struct cp_shares shares;
	if (!package || !cp_package_find(package->elf, id, &shares) ||
	    cp_package_extract(&shares, &part->file))
		return false;
	if (!find_unit(part, part->file.elf, id))
		return false;
	set_bases(part, split->program->elf, unit, &shares);
	part->bytes = shares.info.size + shares.abbrev.size;
	return true;
}

static bool open_at(struct cp_origin *root, const char *folder, size_t len, const char *name,
		    struct cp_part *part)
{
	char path[sizeof(part->whole.path)];
	int all = name[0] == '/' ? snprintf(path, sizeof(path), "%s", name)
				 : snprintf(path, sizeof(path), "%.*s/%s", (int)len, folder, name);
	if (all >= (int)sizeof(path) || cp_elf_open_in(root, path, &part->whole))
		return false;
	const struct cp_dwarf_look look = cp_dwarf_look(part->whole.elf);
	if (!look.unreadable && look.unpacked <= CP_PART_UNPACKED_MAX)
		return true;
	cp_elf_close(&part->whole);
	return false;
}

/* libdw reads the first section of a name: where types have their own it may be one of them. */
static bool extract_unit(struct cp_part *part, uint64_t id)
{
	struct cp_shares shares;
	dwarf_end(part->dwarf);
	part->dwarf = NULL;
	return cp_package_find_loose(part->whole.elf, id, &shares) &&
	       !cp_package_extract(&shares, &part->file) && find_unit(part, part->file.elf, id);
}

/* Beside the program, then in the folder it was compiled in. */
static bool open_in(struct cp_origin *root, const char *beside, const char *folder,
		    const char *name, struct cp_part *part)
{
	const char *slash = strrchr(beside, '/');
	return open_at(root, beside, slash ? (size_t)(slash - beside) : 0, name, part) ||
	       (folder && folder[0] == '/' && open_at(root, folder, strlen(folder), name, part));
}

static bool from_file(struct cp_split *split, struct cp_part *part, Dwarf_Die *unit, uint64_t id)
{
	const char *name = text_of(unit, DW_AT_dwo_name), *folder = text_of(unit, DW_AT_comp_dir);
	const char *beside = split->program->path;
	struct cp_origin *root = split->program->root;
	if (!name)
		name = text_of(unit, DW_AT_GNU_dwo_name);
	if (!name || !(open_in(root, beside, folder, name, part) ||
		       (root && open_in(NULL, beside, folder, name, part))))
		return false;
	Elf *elf = part->whole.elf;
	if (!find_unit(part, elf, id) && !extract_unit(part, id))
		return false;
	const struct cp_shares shares = {.offsets = cp_elf_section(elf, ".debug_str_offsets.dwo"),
					 .ranges = cp_elf_section(elf, ".debug_rnglists.dwo"),
					 .strings = cp_elf_section(elf, ".debug_str.dwo")};
	set_bases(part, split->program->elf, unit, &shares);
	size_t size = 0;
	elf_rawfile(elf, &size);
	part->bytes = size;
	/* libelf has it mapped: a program has thousands of parts, but not as many descriptors */
	if (!elf_cntl(elf, ELF_C_FDDONE) && part->whole.fd >= 0) {
		close(part->whole.fd);
		part->whole.fd = -1;
	}
	return true;
}

struct cp_part *cp_split_part(struct cp_split *split, Dwarf_Die *unit)
{
	struct cp_part *part = calloc(1, sizeof(*part));
	Dwarf_Half version;
	uint8_t type;
	uint64_t id;
	if (!part)
		return NULL;
	part->file.fd = part->file.guard = part->whole.fd = part->whole.guard = -1;
	if (identify(unit->cu, &type, &version, &id) && type == DW_UT_skeleton) {
		if (from_package(split, part, unit, id))
			return part;
		dwarf_end(part->dwarf);
		part->dwarf = NULL;
		cp_elf_close(&part->file);
		if (from_file(split, part, unit, id))
			return part;
	}
	cp_part_close(part);
	return NULL;
}

void cp_part_close(struct cp_part *part)
{
	if (!part)
		return;
	dwarf_end(part->dwarf);
	cp_elf_close(&part->file);
	cp_elf_close(&part->whole);
	free(part);
}

void cp_split_close(struct cp_split *split)
{
	cp_elf_close(&split->package);
}
