/* pages.h - the mapped pages of an ELF file, given back while it stays open. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <libelf.h>

/* They are read again, mostly from the kernel's cache, when somebody looks at them. */
void cp_pages_let_go(Elf *elf);
