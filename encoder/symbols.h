/* symbols.h - what a module's addresses are called; kept between periods, within bounds. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/elffile.h"
#include "encoder/encoder.h"

struct cp_image;

/* One function at an address. Empty texts and line 0: unknown. */
struct cp_line {
	const char *name, *system_name, *file;
	uint32_t line, start_line;
};

struct cp_lines {
	const struct cp_line *lines; /* innermost first */
	uint32_t count;
};

/* The module's image, loaded when it is not yet known; NULL when memory is out. Valid until the
 * next call. */
struct cp_image *cp_symbols_image(struct cp_symbols *symbols, const struct cp_module_id *id);
/* What is at an address of the ELF file; count 0 when nothing is known. Valid as long as the
 * image, but only until the next address. */
struct cp_lines cp_image_lines(struct cp_image *image, uint64_t address);
/* Whether the file was found and has any names; any lines. */
bool cp_image_has_names(const struct cp_image *image);
bool cp_image_has_lines(const struct cp_image *image);
