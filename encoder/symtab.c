/* symtab.c - the symbols of an ELF file, to be asked by address. */
/* SPDX-License-Identifier: MIT */
#include "encoder/symtab.h"

#include <gelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The largest browsers have a million. */
#define CP_SYMBOLS_MAX ((size_t)4 << 20)
/* How many symbols may start inside another before its end is no longer seen. */
#define CP_NESTED_MAX 64

static bool is_name(const char *name, unsigned type)
{
	if (!name || !name[0])
		return false;
	if (type != STT_NOTYPE)
		return true;
	/* $x, $d: marks of the assembler on aarch64; .L1, .annobin_end: those of compilers */
	return name[0] != '.' &&
	       !(name[0] == '$' && strchr("xdatc", name[1]) && (!name[2] || name[2] == '.'));
}

static uint32_t underscores_of(const char *name)
{
	/* what glibc calls its own functions by inside itself */
	if (!strncmp(name, "__GI_", 5) || !strncmp(name, "__EI_", 5))
		return 15;
	/* the kernel's, whose other names are those of libc */
	if (!strncmp(name, "_Z", 2) || !strncmp(name, "_R", 2) || !strncmp(name, "__vdso_", 7))
		return 0;
	size_t count = strspn(name, "_");
	return count < 15 ? (uint32_t)count : 15;
}

/* Of names for one address: what has a size before a label, a function before the one name that its
 * resolver shares with it; people know malloc, not __libc_malloc, today's version rather than an
 * old one, open, not open64, and what a library exports rather than its private name. */
static uint32_t rank_of(const char *name, const GElf_Sym *symbol, bool old)
{
	unsigned type = GELF_ST_TYPE(symbol->st_info), binding = GELF_ST_BIND(symbol->st_info);
	size_t len = strlen(name);
	const char *version = strchr(name, '@');
	old = old || (version && version[1] != '@');
	bool wide = len > 2 && !strcmp(name + len - 2, "64");
	return (uint32_t)!symbol->st_size << 31 | (uint32_t)(type == STT_NOTYPE) << 30 |
	       (uint32_t)(type == STT_GNU_IFUNC) << 29 | underscores_of(name) << 25 |
	       (uint32_t)(binding == STB_LOCAL) << 24 | (uint32_t)old << 23 | (uint32_t)wide << 22 |
	       (uint32_t)(binding == STB_WEAK) << 21 | (uint32_t)(len < 0x1fffff ? len : 0x1fffff);
}

int cp_symtab_push(struct cp_symtab *table, const struct cp_symbol *symbol)
{
	if (table->count == table->room) {
		size_t room = table->room ? table->room * 2 : 1024;
		void *symbols = room > CP_SYMBOLS_MAX
				    ? NULL
				    : realloc(table->symbols, room * sizeof(*table->symbols));
		if (!symbols)
			return -1;
		table->symbols = symbols;
		table->room = room;
	}
	table->symbols[table->count++] = *symbol;
	return 0;
}

static bool is_code(Elf *elf, const GElf_Sym *symbol, uint64_t *section_end)
{
	GElf_Shdr section;
	unsigned type = GELF_ST_TYPE(symbol->st_info);
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return false;
	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= SHN_LORESERVE)
		return false;
	if (!gelf_getshdr(elf_getscn(elf, symbol->st_shndx), &section))
		return false;
	*section_end = section.sh_addr + section.sh_size;
	return (section.sh_flags & SHF_EXECINSTR) && symbol->st_value >= section.sh_addr &&
	       symbol->st_value < *section_end;
}

/* Versions of the dynamic symbols; NULL when there are none. */
static Elf_Data *versions_of(Elf *elf, Elf_Scn *symbols)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_GNU_versym &&
		    header.sh_link == elf_ndxscn(symbols))
			return elf_getdata(section, NULL);
	return NULL;
}

/* What stands at an indirect function's address is its resolver, which gcc would call so. */
static const char *name_of(struct cp_symtab *table, const GElf_Sym *symbol, const char *name)
{
	char text[4096];
	if (GELF_ST_TYPE(symbol->st_info) != STT_GNU_IFUNC)
		return name;
	int len = snprintf(text, sizeof(text), "%.*s.resolver", (int)strcspn(name, "@"), name);
	return len < (int)sizeof(text) ? cp_arena_text(&table->texts, text, (size_t)len) : NULL;
}

static int add_symbol(struct cp_symtab *table, Elf *elf, const GElf_Sym *symbol, const char *name,
		      bool old)
{
	uint64_t section_end, end = symbol->st_value + symbol->st_size;
	if (!is_code(elf, symbol, &section_end) || !is_name(name, GELF_ST_TYPE(symbol->st_info)))
		return 0;
	bool sized = end > symbol->st_value;
	const struct cp_symbol found = {symbol->st_value, sized ? end : section_end,
					name_of(table, symbol, name), rank_of(name, symbol, old),
					sized};
	return found.name ? cp_symtab_push(table, &found) : 0;
}

static void add_section(struct cp_symtab *table, Elf *elf, Elf_Scn *section,
			const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	if (!data || !data->d_buf)
		return;
	Elf_Data *versions = header->sh_type == SHT_DYNSYM ? versions_of(elf, section) : NULL;
	size_t count = data->d_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Sym symbol;
		GElf_Versym version = 0;
		if (!gelf_getsym(data, (int)i, &symbol))
			continue;
		if (versions && !gelf_getversym(versions, (int)i, &version))
			version = 0;
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		/* the linker hides a version that is kept for old programs */
		if (add_symbol(table, elf, &symbol, name, version & 0x8000))
			return;
	}
}

void cp_symtab_add(struct cp_symtab *table, Elf *elf)
{
	Elf_Scn *section = NULL;
	while ((section = elf_nextscn(elf, section))) {
		GElf_Shdr header;
		if (gelf_getshdr(section, &header) &&
		    (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			add_section(table, elf, section, &header);
	}
}

static int by_start(const void *a, const void *b)
{
	const struct cp_symbol *x = a, *y = b;
	if (x->start != y->start)
		return x->start > y->start ? 1 : -1;
	if (x->rank != y->rank)
		return x->rank > y->rank ? 1 : -1;
	return strcmp(x->name, y->name);
}

void cp_symtab_sort(struct cp_symtab *table)
{
	struct cp_symbol *symbols = table->symbols;
	size_t kept = 0;
	if (!table->count)
		return;
	qsort(symbols, table->count, sizeof(*symbols), by_start);
	for (size_t i = 1; i < table->count; i++) {
		struct cp_symbol *last = &symbols[kept];
		if (symbols[i].start != last->start) {
			symbols[++kept] = symbols[i];
		} else if (symbols[i].sized && (!last->sized || symbols[i].end > last->end)) {
			last->end = symbols[i].end;
			last->sized = 1;
		}
	}
	table->count = kept + 1;
	for (size_t i = 0; i + 1 < table->count; i++)
		if (!symbols[i].sized && symbols[i].end > symbols[i + 1].start)
			symbols[i].end = symbols[i + 1].start;
}

const struct cp_symbol *cp_symtab_find(const struct cp_symtab *table, uint64_t address)
{
	size_t low = 0, high = table->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (table->symbols[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	const struct cp_symbol *label = NULL;
	for (int back = 0; low && back < CP_NESTED_MAX; back++) {
		const struct cp_symbol *symbol = &table->symbols[--low];
		if (address >= symbol->end)
			continue;
		if (symbol->sized)
			return symbol;
		if (!label)
			label = symbol;
	}
	return label;
}

size_t cp_symtab_bytes(const struct cp_symtab *table)
{
	return table->room * sizeof(*table->symbols) + table->texts.total;
}

void cp_symtab_free(struct cp_symtab *table)
{
	free(table->symbols);
	cp_arena_free(&table->texts);
	*table = (struct cp_symtab){0};
}
