/* dwarf.h - DWARF: an address to its functions, inlined ones included, files and lines. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

#include "encoder/elffile.h"
#include "encoder/inlines.h"
#include "encoder/look.h"

struct cp_dwarf;

/* Texts belong to the struct cp_dwarf. linkage or name may be NULL; line 0: unknown. The file lies
 * in dir, unless that is NULL. */
struct cp_dwarf_frame {
	const char *name, *linkage, *dir, *file;
	uint32_t line, start_line;
	char scope[512]; /* what stands before name when there is no linkage */
};

/* NULL when the file has none that can be used. The file must stay open longer. */
struct cp_dwarf *cp_dwarf_open(const struct cp_elf *file);
void cp_dwarf_close(struct cp_dwarf *dwarf);
/* What it takes of memory, nearly; more with each unit that was asked for an address. */
size_t cp_dwarf_bytes(const struct cp_dwarf *dwarf);
/* The number of the unit that the address lies in: who asks for many does so unit by unit. */
uint32_t cp_dwarf_unit(const struct cp_dwarf *dwarf, uint64_t address);
/* Whether it need not read another unit for the address. */
bool cp_dwarf_is_ready(const struct cp_dwarf *dwarf, uint64_t address);
/* Fills frames, innermost first, the function that is really called last; how many. */
int cp_dwarf_find(struct cp_dwarf *dwarf, uint64_t address,
		  struct cp_dwarf_frame frames[CP_INLINES_MAX]);
