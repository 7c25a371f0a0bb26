/* plt.c - names the entries through which a module calls others: foo@plt.
 *
 * No symbol tells them. Each entry jumps to where a word of the module's table points, and a
 * relocation says whose address the loader writes into that word: so the code is read for the word,
 * whatever the linker's layout (lazy or not, with or without landing pads), and the relocations for
 * the name. */
/* SPDX-License-Identifier: MIT */
#include <gelf.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "encoder/symtab.h"

/* Chromium has a few thousand. */
#define CP_SLOTS_MAX ((size_t)1 << 20)
/* A name longer than this is not worth an entry. */
#define CP_PLT_NAME_MAX 4096

/* A word that the loader fills in. */
struct slot {
	uint64_t at;
	uint64_t resolver; /* whose answer it is to be, where there is no name */
	const char *name;
};

struct slots {
	struct slot *slots; /* by place */
	size_t count, room;
	bool arm;
	/* the relocations of lazily bound entries, by number */
	Elf_Data *lazy;
};

static int push(struct slots *slots, const struct slot *slot)
{
	if (slots->count == slots->room) {
		size_t room = slots->room ? slots->room * 2 : 256;
		void *more = room > CP_SLOTS_MAX
				 ? NULL
				 : realloc(slots->slots, room * sizeof(*slots->slots));
		if (!more)
			return -1;
		slots->slots = more;
		slots->room = room;
	}
	slots->slots[slots->count++] = *slot;
	return 0;
}

static const char *symbol_name(Elf *elf, const GElf_Shdr *relocations, uint64_t info)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	Elf_Scn *section = elf_getscn(elf, relocations->sh_link);
	if (!GELF_R_SYM(info) || !section || !gelf_getshdr(section, &header) ||
	    (header.sh_type != SHT_DYNSYM && header.sh_type != SHT_SYMTAB))
		return NULL;
	Elf_Data *data = elf_getdata(section, NULL);
	if (!data || !gelf_getsym(data, (int)GELF_R_SYM(info), &symbol))
		return NULL;
	return elf_strptr(elf, header.sh_link, symbol.st_name);
}

static bool is_call(const struct slots *slots, uint64_t type)
{
	if (slots->arm)
		return type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT ||
		       type == R_AARCH64_IRELATIVE;
	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT ||
	       type == R_X86_64_IRELATIVE;
}

static void add_relocations(struct slots *slots, Elf *elf, Elf_Scn *section,
			    const GElf_Shdr *header)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && data->d_buf ? data->d_size / sizeof(Elf64_Rela) : 0;
	for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
		GElf_Rela relocation;
		if (!gelf_getrela(data, (int)i, &relocation) ||
		    !is_call(slots, GELF_R_TYPE(relocation.r_info)))
			continue;
		if (GELF_R_TYPE(relocation.r_info) == R_X86_64_JUMP_SLOT && !slots->arm)
			slots->lazy = data;
		const struct slot slot = {relocation.r_offset, (uint64_t)relocation.r_addend,
					  symbol_name(elf, header, relocation.r_info)};
		if (push(slots, &slot))
			return;
	}
}

static int by_place(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;
	return (x->at > y->at) - (x->at < y->at);
}

static const struct slot *slot_at(const struct slots *slots, uint64_t at)
{
	const struct slot key = {.at = at};
	return slots->count ? bsearch(&key, slots->slots, slots->count, sizeof(key), by_place)
			    : NULL;
}

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* Whether an entry begins here, and the word through which it jumps.
 * x86-64: [endbr64] [mov $n, %r11d] [bnd] jmp *slot(%rip), or, the half of a lazily bound one that
 * is gone through once, [endbr64] push $number; [bnd] jmp to the first entry. */
static bool slot_of_x86(const struct slots *slots, const uint8_t *code, size_t len,
			uint64_t address, uint64_t *slot)
{
	GElf_Rela relocation;
	static const uint8_t pad[4] = {0xf3, 0x0f, 0x1e, 0xfa};
	size_t at = 0;
	if (len >= 4 && !memcmp(code, pad, 4))
		at = 4;
	if (len >= at + 10 && code[at] == 0x68 && (code[at + 5] == 0xe9 || code[at + 6] == 0xe9)) {
		uint32_t number = word_at(code + at + 1);
		if (!slots->lazy || number > INT32_MAX ||
		    !gelf_getrela(slots->lazy, (int)number, &relocation))
			return false;
		*slot = relocation.r_offset;
		return true;
	}
	if (len >= at + 6 && code[at] == 0x41 && code[at + 1] == 0xbb)
		at += 6; /* as mold writes it */
	if (len > at && code[at] == 0xf2)
		at++;
	if (len < at + 6 || code[at] != 0xff || code[at + 1] != 0x25)
		return false;
	*slot = address + at + 6 + (uint64_t)(int32_t)word_at(code + at + 2);
	return true;
}

/* aarch64: [bti c] adrp x16, page; ldr x17, [x16, #low]. */
static bool slot_of_arm(const uint8_t *code, size_t len, uint64_t address, uint64_t *slot)
{
	size_t at = len >= 4 && word_at(code) == 0xd503245f ? 4 : 0;
	if (len < at + 8)
		return false;
	uint32_t adrp = word_at(code + at), ldr = word_at(code + at + 4);
	if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
		return false;
	uint64_t pages = (adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
	if (pages & 0x100000)
		pages -= 0x200000;
	*slot = ((address + at) & ~UINT64_C(0xfff)) + (pages << 12) + (ldr >> 10 & 0xfff) * 8;
	return true;
}

/* A call by way of a resolver arrives at what it chose: at strlen, not at strlen_ifunc, as glibc
 * calls its resolvers, or strlen.resolver, as others do. */
static size_t without_resolver(const char *name)
{
	static const char *const ends[] = {".resolver", "_ifunc"};
	size_t len = strcspn(name, "@");
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t end = strlen(ends[i]);
		if (len > end && !strncmp(name + len - end, ends[i], end))
			return len - end;
	}
	return len;
}

static const char *entry_name(struct cp_symtab *plt, const struct slot *slot,
			      const struct cp_symtab *names)
{
	char text[CP_PLT_NAME_MAX];
	int written;
	const struct cp_symbol *known = slot->name ? NULL : cp_symtab_find(names, slot->resolver);
	if (slot->name)
		written = snprintf(text, sizeof(text), "%.*s@plt", (int)strcspn(slot->name, "@"),
				   slot->name);
	else if (known && known->start == slot->resolver)
		written = snprintf(text, sizeof(text), "%.*s@plt",
				   (int)without_resolver(known->name), known->name);
	else
		written = snprintf(text, sizeof(text), "*ABS*+0x%" PRIx64 "@plt", slot->resolver);
	return written < (int)sizeof(text) ? cp_arena_text(&plt->texts, text, (size_t)written)
					   : NULL;
}

static void add_entries(struct cp_symtab *plt, const struct slots *slots, Elf_Scn *section,
			const GElf_Shdr *header, const struct cp_symtab *names)
{
	const size_t step = slots->arm ? 4 : 8, most = slots->arm ? 24 : 16;
	Elf_Data *data = elf_rawdata(section, NULL);
	size_t len = data && data->d_buf ? data->d_size : 0;
	struct cp_symbol entry = {.sized = 1};
	for (size_t at = 0; at < len; at += step) {
		const uint8_t *code = (const uint8_t *)data->d_buf + at;
		uint64_t address = header->sh_addr + at, word;
		bool found = slots->arm ? slot_of_arm(code, len - at, address, &word)
					: slot_of_x86(slots, code, len - at, address, &word);
		const struct slot *slot = found ? slot_at(slots, word) : NULL;
		/* behind a landing pad stands the same entry once more */
		if (!slot || (entry.name && slots->arm && at && word_at(code - 4) == 0xd503245f))
			continue;
		if (entry.name && entry.end > address)
			entry.end = address;
		if (entry.name && cp_symtab_push(plt, &entry))
			return;
		entry.start = address;
		entry.end = address + (len - at < most ? len - at : most);
		entry.name = entry_name(plt, slot, names);
	}
	if (entry.name)
		cp_symtab_push(plt, &entry);
}

static bool is_plt(Elf *elf, size_t strings, const GElf_Shdr *header)
{
	const char *name = elf_strptr(elf, strings, header->sh_name);
	return name && header->sh_type == SHT_PROGBITS && (header->sh_flags & SHF_EXECINSTR) &&
	       (!strncmp(name, ".plt", 4) || !strcmp(name, ".iplt"));
}

void cp_plt_add(struct cp_symtab *plt, Elf *elf, const struct cp_symtab *names)
{
	struct slots slots = {0};
	Elf_Scn *section = NULL;
	GElf_Ehdr file;
	GElf_Shdr header;
	size_t strings;
	if (!gelf_getehdr(elf, &file) || elf_getshdrstrndx(elf, &strings) ||
	    (file.e_machine != EM_X86_64 && file.e_machine != EM_AARCH64) ||
	    file.e_ident[EI_DATA] != ELFDATA2LSB)
		return;
	slots.arm = file.e_machine == EM_AARCH64;
	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
		    (header.sh_flags & SHF_ALLOC))
			add_relocations(&slots, elf, section, &header);
	if (slots.count)
		qsort(slots.slots, slots.count, sizeof(*slots.slots), by_place);
	while (slots.count && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && is_plt(elf, strings, &header))
			add_entries(plt, &slots, section, &header, names);
	free(slots.slots);
	cp_symtab_sort(plt);
}
