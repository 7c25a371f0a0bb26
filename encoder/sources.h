/* sources.h - the path of a source file, as complete as the compiler told it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elfutils/libdw.h>

/* What a reader puts before the file, with a slash; NULL when the file is whole as it is. The unit
 * is the one whose table of files the name comes from. */
const char *cp_source_dir(Dwarf_Die *unit, const char *file);
