/* symtab.c - the symbols of an ELF file, to be asked by address. */
/* SPDX-License-Identifier: MIT */
#include "encoder/symtab.h"

#include <gelf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The largest browsers have a million. */
#define CP_SYMBOLS_MAX ((size_t)4 << 20)
/* How many symbols may start inside another before its end is no longer seen. */
#define CP_NESTED_MAX 64

static bool is_name(const char *name)
{
	/* $x, $d: the assembler's marks on aarch64; .L: its private labels */
	return name && name[0] && name[0] != '$' && strncmp(name, ".L", 2) != 0;
}

/* People know malloc, not __libc_malloc; and what a library exports rather than its private name.
 */
static uint32_t rank_of(const char *name, unsigned char info)
{
	static const uint8_t by_binding[16] = {[STB_GLOBAL] = 0, [STB_WEAK] = 1, [STB_LOCAL] = 2};
	uint32_t underscores = 0;
	if (strncmp(name, "_Z", 2) != 0 && strncmp(name, "_R", 2) != 0)
		underscores = (uint32_t)strspn(name, "_");
	/* what glibc calls its own functions by inside itself */
	if (underscores > 15 || !strncmp(name, "__GI_", 5))
		underscores = 15;
	size_t len = strlen(name);
	return (uint32_t)(GELF_ST_TYPE(info) == STT_NOTYPE) << 30 | underscores << 26 |
	       (uint32_t)by_binding[GELF_ST_BIND(info)] << 24 |
	       (uint32_t)(len < 0xffffff ? len : 0xffffff);
}

static int push(struct cp_symtab *table, const struct cp_symbol *symbol)
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

static void add_section(struct cp_symtab *table, Elf *elf, Elf_Scn *section,
			const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	if (!data || !data->d_buf)
		return;
	size_t count = data->d_size / sizeof(Elf64_Sym);
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Sym symbol;
		uint64_t section_end;
		if (!gelf_getsym(data, (int)i, &symbol) || !is_code(elf, &symbol, &section_end))
			continue;
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);
		if (!is_name(name))
			continue;
		uint64_t end = symbol.st_value + symbol.st_size;
		const struct cp_symbol found = {
		    symbol.st_value, symbol.st_size && end > symbol.st_value ? end : section_end,
		    name, rank_of(name, symbol.st_info), symbol.st_size && end > symbol.st_value};
		if (push(table, &found))
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

void cp_symtab_free(struct cp_symtab *table)
{
	free(table->symbols);
	*table = (struct cp_symtab){0};
}
