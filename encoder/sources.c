/* sources.c - the path of a source file, as complete as the compiler told it.
 *
 * A compiler names files relative to folders, and folders relative to the one it ran in. libdw
 * joins the first two, and the third in some versions of DWARF alone. Folder 0 is the third itself:
 * a file in it must not be joined twice, which shows where the build was told to write its root as
 * ".". */
/* SPDX-License-Identifier: MIT */
#include "encoder/sources.h"

#include <dwarf.h>
#include <string.h>

#include "encoder/package.h"

/* A line may take a byte of it, and 90 of memory. The largest that we know has 3 MB. */
#define CP_LINE_PROGRAM_MAX (UINT64_C(8) << 20)

bool cp_source_is_sane(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	Dwarf_Word at = 0;
	uint64_t size = 0;
	Elf *elf = dwarf_getelf(dwarf_cu_getdwarf(unit->cu));
	if (!dwarf_attr(unit, DW_AT_stmt_list, &attribute) || dwarf_formudata(&attribute, &at))
		return true; /* then there is none */
	/* a size in 64 bits begins with ~0, which is too large as well */
	return cp_span_number(cp_elf_section(elf, ".debug_line"), at, 4, &size) &&
	       size <= CP_LINE_PROGRAM_MAX;
}

static const char *folder_zero(Dwarf_Die *unit)
{
	Dwarf_Files *files = NULL;
	const char *const *folders = NULL;
	size_t count = 0;
	if (dwarf_getsrcfiles(unit, &files, &count) || dwarf_getsrcdirs(files, &folders, &count))
		return NULL;
	return count && folders[0] && folders[0][0] ? folders[0] : NULL;
}

static const char *compiled_in(Dwarf_Die *unit)
{
	Dwarf_Attribute attribute;
	Dwarf_Attribute *found = dwarf_attr(unit, DW_AT_comp_dir, &attribute);
	const char *folder = found ? dwarf_formstring(found) : NULL;
	return folder && folder[0] ? folder : NULL;
}

static bool lies_in(const char *file, const char *folder)
{
	size_t len = strlen(folder);
	return !strncmp(file, folder, len) && (file[len] == '/' || folder[len - 1] == '/');
}

const char *cp_source_dir(Dwarf_Die *unit, const char *file)
{
	if (!file || file[0] == '/')
		return NULL;
	const char *folder = folder_zero(unit);
	const char *whole = folder && folder[0] == '/' ? folder : compiled_in(unit);
	if (folder && lies_in(file, folder))
		return whole && whole[0] == '/' ? whole : NULL;
	return whole ? whole : folder;
}
