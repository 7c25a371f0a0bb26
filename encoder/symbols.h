/* symbols.h - what addresses of modules are called; looked up once, kept within a bound. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/answers.h"
#include "encoder/elffile.h"
#include "encoder/encoder.h"

struct cp_image;

/* The module's image; NULL when memory is out. Valid until the next call, as long as what id points
 * to. No file is opened before an address is asked for that nobody asked for before. */
struct cp_image *cp_symbols_image(struct cp_symbols *symbols, const struct cp_module_id *id);
/* These addresses will be asked for: all at once they are looked up much faster. They are brought
 * into another order. */
void cp_image_prepare(struct cp_image *image, uint64_t *addresses, uint32_t count);
/* What is at an address of the ELF file; count 0 when nothing is known. Valid until the next
 * address. */
struct cp_lines cp_image_lines(struct cp_image *image, uint64_t address);
/* Whether the file was found and has any names; any lines. */
bool cp_image_has_names(struct cp_image *image);
bool cp_image_has_lines(struct cp_image *image);
