/* listed.h - a module of a test's own in the list of tables. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/tables.h"

/* A module of one segment of code, and tables where they are said to be (0: none). */
static inline void add(uint64_t code, uint64_t size, uint64_t header)
{
	ElfW(Phdr) phdr[] = {
	    {.p_type = PT_LOAD, .p_flags = PF_R, .p_vaddr = 0x1000, .p_memsz = 0x1000},
	    {.p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_memsz = size},
	    {.p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_vaddr = 0x9000, .p_memsz = 0x1000},
	    {.p_type = PT_GNU_EH_FRAME, .p_vaddr = 0x1100, .p_memsz = 64}};
	struct dl_phdr_info info = {.dlpi_addr = header ? header - 0x1100 : code,
				    .dlpi_phdr = phdr,
				    .dlpi_phnum = header ? 4 : 3};

	phdr[1].p_vaddr = code - info.dlpi_addr;
	cp_tables_add(&info);
}
