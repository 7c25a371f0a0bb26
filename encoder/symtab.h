/* symtab.h - the symbols of an ELF file, to be asked by address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>
#include <stdint.h>

#include "encoder/arena.h"

/* Names lie in the ELF files, which must stay open longer than the table, or in its texts. */
struct cp_symbol {
	uint64_t start, end;
	const char *name;
	uint32_t rank;	/* of names for one address the lowest wins */
	uint32_t sized; /* 0: a label, which reaches to the next symbol */
};

struct cp_symtab {
	struct cp_symbol *symbols; /* by start, each start once */
	size_t count, room;
	struct cp_arena texts;
};

/* Adds all symbols of code. What is damaged is skipped. */
void cp_symtab_add(struct cp_symtab *table, Elf *elf);
/* One more; -1 when there is no room. */
int cp_symtab_push(struct cp_symtab *table, const struct cp_symbol *symbol);
/* After the last cp_symtab_add, before the first cp_symtab_find. */
void cp_symtab_sort(struct cp_symtab *table);
const struct cp_symbol *cp_symtab_find(const struct cp_symtab *table, uint64_t address);
size_t cp_symtab_bytes(const struct cp_symtab *table);
void cp_symtab_free(struct cp_symtab *table);

/* ---- labels.c: after sorting; ends labels where the file's own unwind table knows that another
 * function begins, or that the label's ends ---- */
void cp_symtab_bound_labels(struct cp_symtab *table, Elf *elf);

/* ---- plt.c: the entries through which a module calls others, as "foo@plt". The names are asked
 * for those that have none but an address ---- */
void cp_plt_add(struct cp_symtab *plt, Elf *elf, const struct cp_symtab *names);
