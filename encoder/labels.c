/* labels.c - where hand-written labels end, which have no size: by the table of unwind rules.
 *
 * A label alone reaches to the next symbol. In a stripped file the next one may be far away, and
 * all functions between would bear the label's name. But nearly every function has its line in
 * .eh_frame_hdr, which stripping leaves. */
/* SPDX-License-Identifier: MIT */
#include <gelf.h>
#include <stdbool.h>
#include <string.h>

#include "encoder/symtab.h"

/* The table: sorted by start, as linkers write it (four bytes each, relative to the table). */
struct hints {
	const uint8_t *bytes;
	size_t len;	/* from the table's own first byte to the end of its segment */
	uint64_t vaddr; /* of the first byte */
	uint32_t count;
};

static uint32_t word_at(const uint8_t *bytes)
{
	uint32_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static uint64_t start_of(const struct hints *hints, uint32_t number)
{
	return hints->vaddr + (uint64_t)(int32_t)word_at(hints->bytes + 12 + (size_t)8 * number);
}

/* Where that function ends; 0 when its entry is not written as nearly all are. */
static uint64_t end_of(const struct hints *hints, uint32_t number)
{
	const uint64_t at = (uint32_t)word_at(hints->bytes + 16 + (size_t)8 * number);
	if (at > hints->len || hints->len - at < 16)
		return 0;
	const uint8_t *entry = hints->bytes + at;
	uint64_t start = hints->vaddr + at + 8 + (uint64_t)(int32_t)word_at(entry + 8);
	return start == start_of(hints, number) ? start + word_at(entry + 12) : 0;
}

static bool find_hints(Elf *elf, struct hints *hints)
{
	static const uint8_t usual[4] = {1, 0x1b, 0x03, 0x3b};
	size_t count, size;
	const char *file = elf_rawfile(elf, &size);
	if (!file || elf_getphdrnum(elf, &count))
		return false;
	for (size_t i = 0; i < count && i < 256; i++) {
		GElf_Phdr part, whole;
		if (!gelf_getphdr(elf, (int)i, &part) || part.p_type != PT_GNU_EH_FRAME)
			continue;
		for (size_t j = 0; j < count && j < 256; j++) {
			if (!gelf_getphdr(elf, (int)j, &whole) || whole.p_type != PT_LOAD ||
			    part.p_offset < whole.p_offset || whole.p_offset > size ||
			    whole.p_filesz > size - whole.p_offset ||
			    part.p_offset - whole.p_offset > whole.p_filesz)
				continue;
			hints->bytes = (const uint8_t *)file + part.p_offset;
			hints->len = whole.p_filesz - (part.p_offset - whole.p_offset);
			hints->vaddr = part.p_vaddr;
			if (hints->len < 12 || memcmp(hints->bytes, usual, sizeof(usual)) != 0)
				return false;
			hints->count = word_at(hints->bytes + 8);
			return hints->count <= (hints->len - 12) / 8;
		}
	}
	return false;
}

/* How many functions begin at or before the address. */
static uint32_t count_until(const struct hints *hints, uint64_t address)
{
	uint32_t low = 0, high = hints->count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (start_of(hints, middle) <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void cp_symtab_bound_labels(struct cp_symtab *table, Elf *elf)
{
	struct hints hints;
	if (!find_hints(elf, &hints))
		return;
	for (size_t i = 0; i < table->count; i++) {
		struct cp_symbol *label = &table->symbols[i];
		if (label->sized)
			continue;
		uint32_t next = count_until(&hints, label->start);
		uint64_t end = next ? end_of(&hints, next - 1) : 0;
		if (end > label->start && end < label->end)
			label->end = end;
		if (next < hints.count && start_of(&hints, next) < label->end)
			label->end = start_of(&hints, next);
	}
}
