/* look.c - whether a file's debug information can be read, before anything is made of it. */
/* SPDX-License-Identifier: MIT */
#include "encoder/look.h"

#include <gelf.h>
#include <string.h>

/* A compressed section may say that it becomes larger, but not to us. */
#define CP_UNPACKED_MOST (UINT64_C(1) << 40)

/* The old way to compress (.zdebug): "ZLIB", and the size in eight bytes, the highest first. */
static uint64_t old_size(Elf_Scn *section)
{
	const Elf_Data *data = elf_rawdata(section, NULL);
	uint64_t size = 0;
	if (!data || !data->d_buf || data->d_size < 12 || memcmp(data->d_buf, "ZLIB", 4) != 0)
		return 0; /* libdw does not unpack it either */
	memcpy(&size, (const char *)data->d_buf + 4, sizeof(size));
	return __builtin_bswap64(size);
}

/* Adds a section to what is known; false when nothing is to be believed any more. */
static bool judge(const char *name, Elf_Scn *section, const GElf_Shdr *header,
		  struct cp_dwarf_look *look)
{
	GElf_Chdr packed;
	uint64_t size = 0;
	if (!name)
		return false;
	look->has |= !strcmp(name, ".debug_info") || !strcmp(name, ".zdebug_info");
	if (!strncmp(name, ".zdebug", 7))
		size = old_size(section);
	else if ((header->sh_flags & SHF_COMPRESSED) && gelf_getchdr(section, &packed))
		size = packed.ch_size;
	look->unpacked += size < CP_UNPACKED_MOST ? size : CP_UNPACKED_MOST;
	return true;
}

struct cp_dwarf_look cp_dwarf_look(Elf *elf)
{
	struct cp_dwarf_look look = {.unreadable = true};
	Elf_Scn *section = NULL;
	size_t names;
	if (elf_getshdrstrndx(elf, &names))
		return look;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		if (!gelf_getshdr(section, &header) ||
		    !judge(elf_strptr(elf, names, header.sh_name), section, &header, &look))
			return look;
	}
	look.unreadable = false;
	return look;
}
