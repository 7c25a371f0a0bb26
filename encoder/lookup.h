/* lookup.h - a module's files, laid open: what is at an address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/answers.h"
#include "encoder/dwarf.h"
#include "encoder/elffile.h"
#include "encoder/scratch.h"
#include "encoder/search.h"
#include "encoder/symtab.h"

/* All zero: nothing is open. */
struct cp_lookup {
	struct cp_elf own, debug, mini;
	struct cp_symtab names, plt;
	struct cp_dwarf *dwarf;
	const struct cp_elf *lines;    /* the file that it is read from */
	bool of_debug;		       /* it is that of debug */
	struct cp_elf inflated;	       /* the same file unpacked on disk, */
	struct cp_scratch *scratch;    /* and where that is kept */
	enum cp_inflated how_inflated; /* or why it is not */
	size_t unpacked;	       /* what its sections took that were compressed */
	size_t too_large;   /* what those of a file would have taken, for which there is no room */
	bool unreadable;    /* a file has DWARF that is damaged */
	const char *unread; /* that file */
	bool lacking;	    /* a debug file was looked for in vain */
	uint64_t moved;	    /* the debug file's addresses, against those of a prelinked module */
	enum cp_demangling how;
	size_t fresh;  /* cp_dwarf_bytes when it was opened */
	size_t let_go; /* the same when pages were last given back */
};

/* Opens what there is. */
void cp_lookup_open(struct cp_lookup *lookup, const struct cp_module_id *id,
		    const struct cp_search *search);
void cp_lookup_close(struct cp_lookup *lookup);
/* What it takes of memory, nearly, but for the files' pages. */
size_t cp_lookup_bytes(const struct cp_lookup *lookup);
/* Gives back the files' pages. */
void cp_lookup_rest(struct cp_lookup *lookup);
bool cp_lookup_has_names(const struct cp_lookup *lookup);
bool cp_lookup_has_lines(const struct cp_lookup *lookup);
/* A file that shrinks while it is read has said nothing: to be closed. */
bool cp_lookup_is_damaged(const struct cp_lookup *lookup);
/* Brings addresses into the order in which to ask for them costs least. */
void cp_lookup_order(const struct cp_lookup *lookup, uint64_t *addresses, size_t count);
/* Adds the address to the answers: with its lines and inlined calls, or with what the symbol table
 * says alone, and then as an answer of this turn. */
void cp_lookup_find(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers);
void cp_lookup_name(struct cp_lookup *lookup, uint64_t address, struct cp_answers *answers,
		    uint32_t turn);
