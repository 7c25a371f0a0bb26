/* package.c - a .dwp: the split parts of all units of a program in one file.
 *
 * Its index says, for the number of a unit, which share of each section is that unit's (DWARF
 * 5, 7.3.5; and GNU's of DWARF 4, which differs in the numbers of sections). libdw 0.188 knows
 * nothing of it. */
/* SPDX-License-Identifier: MIT */
#include "encoder/package.h"

#include <dwarf.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>

/* A single unit's entries and their forms. */
#define CP_SHARE_MAX   ((size_t)256 << 20)
#define CP_COLUMNS_MAX 16u

/* The data of the section if it has this name. */
static struct cp_span data_of(Elf *elf, Elf_Scn *section, const char *name)
{
	GElf_Shdr header;
	size_t names;
	if (elf_getshdrstrndx(elf, &names) || !gelf_getshdr(section, &header) ||
	    header.sh_type == SHT_NOBITS || (header.sh_flags & (SHF_COMPRESSED | SHF_GROUP)))
		return (struct cp_span){0};
	const char *its = elf_strptr(elf, names, header.sh_name);
	if (!its || strcmp(its, name) != 0)
		return (struct cp_span){0};
	const Elf_Data *data = elf_getdata(section, NULL);
	return data && data->d_buf ? (struct cp_span){data->d_buf, data->d_size}
				   : (struct cp_span){0};
}

struct cp_span cp_elf_section(Elf *elf, const char *name)
{
	Elf_Scn *section = NULL;
	struct cp_span found = {0};
	while (!found.size && (section = elf_nextscn(elf, section)))
		found = data_of(elf, section, name);
	return found;
}

/* DWARF 5 alone: there a unit's head says of what kind it is, and its number. */
bool cp_package_find_loose(Elf *part, uint64_t id, struct cp_shares *shares)
{
	Elf_Scn *section = NULL;
	*shares = (struct cp_shares){.abbrev = cp_elf_section(part, ".debug_abbrev.dwo")};
	while (shares->abbrev.size && (section = elf_nextscn(part, section))) {
		uint64_t version, kind, its;
		shares->info = data_of(part, section, ".debug_info.dwo");
		if (cp_span_number(shares->info, 4, 2, &version) && version == 5 &&
		    cp_span_number(shares->info, 6, 1, &kind) && kind == DW_UT_split_compile &&
		    cp_span_number(shares->info, 12, 8, &its) && its == id)
			return true;
	}
	return false;
}

struct index {
	struct cp_span bytes;
	uint64_t version, columns, units, slots;
};

static bool read_index(Elf *package, struct index *index)
{
	*index = (struct index){.bytes = cp_elf_section(package, ".debug_cu_index")};
	const struct cp_span bytes = index->bytes;
	/* 2 in four bytes, or 5 in two and two of nothing */
	if (!cp_span_number(bytes, 0, 2, &index->version) ||
	    !cp_span_number(bytes, 4, 4, &index->columns) ||
	    !cp_span_number(bytes, 8, 4, &index->units) ||
	    !cp_span_number(bytes, 12, 4, &index->slots))
		return false;
	return (index->version == 2 || index->version == 5) && index->columns <= CP_COLUMNS_MAX &&
	       index->slots && (index->slots & (index->slots - 1)) == 0;
}

/* The unit's row, from 1 on, in a table of slots by number; 0: it is not there. */
static uint64_t find_row(const struct index *index, uint64_t id)
{
	const struct cp_span ids = cp_span_from(index->bytes, 16);
	const struct cp_span rows = cp_span_from(ids, index->slots * 8);
	uint64_t mask = index->slots - 1, slot = id & mask, step = ((id >> 32) & mask) | 1;
	for (uint64_t i = 0; i < index->slots; i++, slot = (slot + step) & mask) {
		uint64_t its, row;
		if (!cp_span_number(ids, slot * 8, 8, &its) ||
		    !cp_span_number(rows, slot * 4, 4, &row) || !row)
			return 0;
		if (its == id)
			return row <= index->units ? row : 0;
	}
	return 0;
}

static struct cp_span share(struct cp_span section, uint64_t at, uint64_t size)
{
	struct cp_span found = cp_span_from(section, at);
	if (found.size > size)
		found.size = size;
	return found;
}

bool cp_package_find(Elf *package, uint64_t id, struct cp_shares *shares)
{
	enum { INFO = 1, ABBREV = 3, OFFSETS = 6, RANGES = 8 };
	struct index index;
	*shares = (struct cp_shares){0};
	uint64_t row = read_index(package, &index) ? find_row(&index, id) : 0;
	if (!row)
		return false;
	const struct cp_span columns = cp_span_from(index.bytes, 16 + index.slots * 12);
	const uint64_t width = index.columns * 4;
	for (uint64_t i = 0; i < index.columns; i++) {
		uint64_t kind, at, size;
		if (!cp_span_number(columns, i * 4, 4, &kind) ||
		    !cp_span_number(columns, row * width + i * 4, 4, &at) ||
		    !cp_span_number(columns, (row + index.units) * width + i * 4, 4, &size))
			return false;
		if (kind == INFO)
			shares->info = share(cp_elf_section(package, ".debug_info.dwo"), at, size);
		else if (kind == ABBREV)
			shares->abbrev =
			    share(cp_elf_section(package, ".debug_abbrev.dwo"), at, size);
		else if (kind == OFFSETS)
			shares->offsets =
			    share(cp_elf_section(package, ".debug_str_offsets.dwo"), at, size);
		else if (kind == RANGES && index.version == 5)
			shares->ranges =
			    share(cp_elf_section(package, ".debug_rnglists.dwo"), at, size);
	}
	shares->strings = cp_elf_section(package, ".debug_str.dwo");
	return shares->info.size && shares->abbrev.size;
}

/* An ELF file of two sections and their names. */
struct image {
	Elf64_Ehdr header;
	Elf64_Shdr sections[4];
	char names[48];
};

static void describe(struct image *image, size_t head, const struct cp_shares *shares)
{
	static const char names[48] = "\0.names\0.debug_info.dwo\0.debug_abbrev.dwo";
	image->header = (Elf64_Ehdr){.e_type = ET_REL,
				     .e_machine = EM_X86_64,
				     .e_version = EV_CURRENT,
				     .e_shoff = offsetof(struct image, sections),
				     .e_ehsize = sizeof(Elf64_Ehdr),
				     .e_shentsize = sizeof(Elf64_Shdr),
				     .e_shnum = 4,
				     .e_shstrndx = 1};
	memcpy(image->header.e_ident, ELFMAG, SELFMAG);
	image->header.e_ident[EI_CLASS] = ELFCLASS64;
	image->header.e_ident[EI_DATA] = ELFDATA2LSB;
	image->header.e_ident[EI_VERSION] = EV_CURRENT;
	memcpy(image->names, names, sizeof(names));
	const Elf64_Shdr one = {.sh_type = SHT_PROGBITS, .sh_offset = head, .sh_addralign = 1};
	image->sections[1] = image->sections[2] = image->sections[3] = one;
	image->sections[1].sh_type = SHT_STRTAB;
	image->sections[1].sh_offset = offsetof(struct image, names);
	image->sections[1].sh_size = sizeof(names);
	image->sections[1].sh_name = 1;
	image->sections[2].sh_size = shares->info.size;
	image->sections[2].sh_name = 8;
	image->sections[3].sh_offset += shares->info.size;
	image->sections[3].sh_size = shares->abbrev.size;
	image->sections[3].sh_name = 24;
}

int cp_package_extract(const struct cp_shares *shares, struct cp_elf *file)
{
	if (shares->info.size > CP_SHARE_MAX || shares->abbrev.size > CP_SHARE_MAX)
		return -1;
	size_t head = (sizeof(struct image) + 15) & ~(size_t)15;
	size_t size = head + shares->info.size + shares->abbrev.size;
	struct image *image = calloc(1, size);
	if (!image)
		return -1;
	describe(image, head, shares);
	memcpy((char *)image + head, shares->info.start, shares->info.size);
	memcpy((char *)image + head + shares->info.size, shares->abbrev.start, shares->abbrev.size);
	return cp_elf_open_memory(image, size, file);
}
