/* inflate.h - the DWARF of an ELF file whose sections are compressed, as another file, in pieces.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#include "encoder/elffile.h"

enum cp_inflated {
	CP_INFLATED,
	CP_INFLATE_LARGE,   /* it would take more than it may */
	CP_INFLATE_DAMAGED, /* or of a kind that is not known here */
	CP_INFLATE_SLOW,    /* the time was over */
	CP_INFLATE_NO_ROOM, /* on the disk, or in memory */
	CP_INFLATE_OFF	    /* nothing may be unpacked */
};

/* What is to become of each section: those of DWARF are written, others keep their headers. */
struct cp_inflating {
	const struct cp_elf *of;
	Elf64_Ehdr header;
	Elf64_Shdr *from, *to;
	size_t count;
	uint64_t size;			   /* of the file that it becomes */
	uint64_t cpu_ns_max, spent_ns_max; /* CPU time, and by the clock */
	uint64_t began_cpu_ns, began_ns;   /* when it was planned */
	uint64_t taken_cpu_ns, taken_ns;   /* since then */
};

/* Looks at headers alone. Sizes are what the file claims. End with cp_inflate_end. */
enum cp_inflated cp_inflate_plan(struct cp_inflating *it, const struct cp_elf *of, uint64_t most);
/* Writes it all. A section that does not become as large as it claims is damaged. */
enum cp_inflated cp_inflate_write(struct cp_inflating *it, int fd);
void cp_inflate_end(struct cp_inflating *it);
