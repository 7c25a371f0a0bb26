/* altfile.h - the file that several debug files share (dwz -m, .gnu_debugaltlink). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>

#include "encoder/elffile.h"

/* All zero: none. */
struct cp_alt {
	struct cp_elf file;
	Dwarf *dwarf;
};

/* Finds it for a file that names one, so that libdw does not. */
void cp_alt_set(struct cp_alt *alt, Dwarf *dwarf, const struct cp_elf *of);
/* After the end of what it was set for. */
void cp_alt_close(struct cp_alt *alt);
