/* altfile.c - the file that several debug files share (dwz -m, .gnu_debugaltlink).
 *
 * libdw would open whatever stands under the name, a pipe too, and unpack it to whatever size.
 * Where we find none it is given an empty one, so that it does not look. */
/* SPDX-License-Identifier: MIT */
#include "encoder/altfile.h"

#include <elfutils/libdwelf.h>
#include <stdio.h>
#include <string.h>

#include "encoder/look.h"
#include "encoder/package.h"

#define CP_ALT_UNPACKED_MAX ((size_t)128 << 20)

static bool try_in(struct cp_alt *alt, struct cp_origin *root, const char *path,
		   const struct cp_module_id *id)
{
	if (cp_elf_open_in(root, path, &alt->file))
		return false;
	const struct cp_dwarf_look look = cp_dwarf_look(alt->file.elf);
	if (cp_elf_fits(&alt->file, id) && !look.unreadable && look.unpacked <= CP_ALT_UNPACKED_MAX)
		alt->dwarf = dwarf_begin_elf(alt->file.elf, DWARF_C_READ, NULL);
	if (alt->dwarf)
		return true;
	cp_elf_close(&alt->file);
	return false;
}

/* In the root of who has the file mapped, then in ours. */
static bool try_at(struct cp_alt *alt, const char *path, const struct cp_elf *of,
		   const struct cp_module_id *id)
{
	return try_in(alt, of->root, path, id) || (of->root && try_in(alt, NULL, path, id));
}

static bool beside(struct cp_alt *alt, const char *name, const struct cp_elf *of,
		   const struct cp_module_id *id)
{
	char path[sizeof(of->path)];
	const char *slash = strrchr(of->path, '/');
	if (name[0] == '/')
		return try_at(alt, name, of, id);
	int len = snprintf(path, sizeof(path), "%.*s/%s", slash ? (int)(slash - of->path) : 0,
			   of->path, name);
	return len < (int)sizeof(path) && try_at(alt, path, of, id);
}

static bool by_build_id(struct cp_alt *alt, const struct cp_elf *of, const struct cp_module_id *id)
{
	char path[256];
	size_t len = (size_t)snprintf(path, sizeof(path), "/usr/lib/debug/.build-id/");
	for (uint32_t i = 0; i < id->build_id_len && i < 64; i++)
		len += (size_t)snprintf(path + len, sizeof(path) - len, i ? "%02x" : "%02x/",
					id->build_id[i]);
	snprintf(path + len, sizeof(path) - len, ".debug");
	return id->build_id_len > 1 && try_at(alt, path, of, id);
}

void cp_alt_set(struct cp_alt *alt, Dwarf *dwarf, const struct cp_elf *of)
{
	static const uint8_t nothing[16];
	const struct cp_span empty = {nothing, sizeof(nothing)};
	const char *name;
	const void *build_id;
	ssize_t len = dwelf_dwarf_gnu_debugaltlink(dwarf, &name, &build_id);
	if (len <= 0)
		return;
	const struct cp_module_id id = {.build_id = build_id, .build_id_len = (uint32_t)len};
	if (!beside(alt, name, of, &id) && !by_build_id(alt, of, &id) &&
	    !cp_package_extract(&(struct cp_shares){.info = empty, .abbrev = empty}, &alt->file))
		alt->dwarf = dwarf_begin_elf(alt->file.elf, DWARF_C_READ, NULL);
	dwarf_setalt(dwarf, alt->dwarf);
}

void cp_alt_close(struct cp_alt *alt)
{
	dwarf_end(alt->dwarf);
	cp_elf_close(&alt->file);
	alt->dwarf = NULL;
}
