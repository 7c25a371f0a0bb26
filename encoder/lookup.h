/* lookup.h - a module's files, laid open: what is at an address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/answers.h"
#include "encoder/dwarf.h"
#include "encoder/elffile.h"
#include "encoder/symtab.h"

/* All zero: nothing is open. */
struct cp_lookup {
	struct cp_elf own, debug, mini;
	struct cp_symtab names;
	struct cp_dwarf *dwarf;
	enum cp_demangling how;
};

/* Opens what there is. */
void cp_lookup_open(struct cp_lookup *lookup, const struct cp_module_id *id);
void cp_lookup_close(struct cp_lookup *lookup);
bool cp_lookup_has_names(const struct cp_lookup *lookup);
bool cp_lookup_has_lines(const struct cp_lookup *lookup);
/* A file that shrinks while it is read has said nothing: to be closed. */
bool cp_lookup_is_damaged(const struct cp_lookup *lookup);
/* Adds the address to the answers: with its lines and inlined calls, or with what the symbol table
 * says alone, and then as an answer of this turn. */
void cp_lookup_find(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers);
void cp_lookup_name(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers,
		    uint32_t turn);
