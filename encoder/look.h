/* look.h - whether a file's debug information can be read, before anything is made of it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>
#include <stdbool.h>
#include <stdint.h>

/* Whether it has debug information, but in a form that cannot be used; and how much memory
 * compressed sections would take. */
struct cp_dwarf_look {
	bool has, unreadable;
	uint64_t unpacked;
};
struct cp_dwarf_look cp_dwarf_look(Elf *elf);
