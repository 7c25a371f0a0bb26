/* sources.h - the path of a source file, as complete as the compiler told it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>
#include <stdbool.h>

/* Whether the unit's table of lines and files is of a size that libdw may unfold in memory. */
bool cp_source_is_sane(Dwarf_Die *unit);
/* What a reader puts before the file, with a slash; NULL when the file is whole as it is. The unit
 * is the one whose table of files the name comes from. */
const char *cp_source_dir(Dwarf_Die *unit, const char *file);
