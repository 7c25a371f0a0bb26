/* loaded.c - where the loader keeps its list, and what an entry says of its path. */
/* SPDX-License-Identifier: MIT */
#include "signal/loaded.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>

#include "signal/probe.h"
#include "signal/state.h"

#include "signal/law.h"

struct path {
	char *text;
	size_t len, room;
};

static void append(struct path *path, const char *text)
{
	for (; *text && path->len < path->room - 1; text++)
		path->text[path->len++] = *text;
	path->text[path->len] = 0;
}

/* In pieces; the last of them may reach into nothing, and is then taken byte by byte. */
static void append_peeked(struct path *path, const char *text)
{
	char piece[65] = {0};
	size_t n = sizeof piece - 1;

	while (path->len < path->room - 1) {
		while (n > 1 && !cp_peek(piece, text, n))
			n = 1;
		if (n == 1 && !cp_peek(piece, text, 1))
			return;
		piece[n] = 0;
		append(path, piece);
		if (strlen(piece) < n)
			return;
		text += n;
	}
}

/* NOLINTNEXTLINE(readability-non-const-parameter): written by append */
const char *cp_loaded_path(const struct link_map *map, int is_program, char *to, size_t room)
{
	const struct cp_recording *rec = cp_state.rec;
	struct path path = {.text = to, .room = room};
	char first = 0;

	if (is_program)
		return rec->exe;
	if (map->l_addr == getauxval(AT_SYSINFO_EHDR))
		return "[vdso]";
	if (!cp_peek(&first, map->l_name, 1) || !first)
		return "";
	if (first != '/') {
		append(&path, rec->cwd);
		append(&path, "/");
	}
	append_peeked(&path, map->l_name);
	return to;
}

/* The program's own dynamic section holds its address (DT_DEBUG). */
const struct r_debug *cp_loaded_list(void)
{
	const ElfW(Phdr) *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	uintptr_t bias = 0;
	const ElfW(Dyn) *dyn = NULL;

	for (unsigned long i = 0; phdr && i < n; i++)
		if (phdr[i].p_type == PT_PHDR)
			bias = (uintptr_t)phdr - phdr[i].p_vaddr;
	for (unsigned long i = 0; phdr && i < n; i++)
		if (phdr[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(bias + phdr[i].p_vaddr);
	for (; dyn && dyn->d_tag != DT_NULL; dyn++)
		if (dyn->d_tag == DT_DEBUG)
			return (const void *)dyn->d_un.d_ptr;
	return NULL;
}

static int is_wanted(uint32_t type)
{
	return type == PT_LOAD || type == PT_GNU_EH_FRAME || type == PT_DYNAMIC || type == PT_NOTE;
}

/* 0: they can't be read. Where they lie, and how many there are. */
static uint64_t find_headers(const struct link_map *map, int is_program, unsigned *n)
{
	ElfW(Ehdr) elf;

	if (is_program) {
		*n = (unsigned)getauxval(AT_PHNUM);
		return getauxval(AT_PHDR);
	}
	if (!cp_peek(&elf, (const void *)map->l_addr, sizeof elf) ||
	    memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0)
		return 0;
	*n = elf.e_phnum;
	return map->l_addr + elf.e_phoff;
}

ElfW(Half) cp_loaded_headers(const struct link_map *map, int is_program,
			     ElfW(Phdr) raw[CP_LOADED_HEADERS], ElfW(Phdr) * to, unsigned max)
{
	unsigned n = 0, kept = 0;
	uint64_t at = find_headers(map, is_program, &n);

	if (!at || n > CP_LOADED_HEADERS || !cp_peek(raw, (const void *)at, n * sizeof *raw))
		return 0;
	for (unsigned i = 0; i < n && kept < max; i++)
		if (is_wanted(raw[i].p_type))
			to[kept++] = raw[i];
	return (ElfW(Half))kept;
}
