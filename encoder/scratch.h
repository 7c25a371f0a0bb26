/* scratch.h - files without a name, on disk, into which debug information is unpacked. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "encoder/inflate.h"

#define CP_SCRATCHES 32

/* What was made of a file, or why nothing was. */
struct cp_scratch {
	dev_t device;
	ino_t inode;
	off_t length;
	struct timespec changed;
	enum cp_inflated how;
	int fd;
	uint64_t size;
	uint32_t readers; /* who has it open */
	uint32_t used;	  /* the turn in which it was */
	uint64_t since_ns;
};

/* All zero: nothing is unpacked. */
struct cp_scratches {
	char folder[600];
	uint64_t above, most; /* bytes: what is left to libdw; what all may take together */
	uint64_t cpu_ns_max, spent_ns_max; /* for one */
	uint64_t cpu_ns, spent_ns;	   /* that all took, ever */
	uint64_t size;			   /* of all */
	uint64_t now_ns;		   /* at the last rest */
	uint32_t turn;
	struct cp_scratch files[CP_SCRATCHES]; /* device and inode 0: none */
};

/* Opens a file with the same DWARF, uncompressed, and the same path. Done once: the file is kept
 * for the next who wants it, and so is a failure. What it is to be closed with, by
 * cp_scratch_close, or NULL. */
struct cp_scratch *cp_scratch_open(struct cp_scratches *all, const struct cp_elf *of,
				   struct cp_elf *file, enum cp_inflated *how);
/* NULL is allowed. */
void cp_scratch_close(struct cp_scratch *scratch, struct cp_elf *file);
/* With a time that grows: lets go of those that nobody had open for an hour. */
void cp_scratches_rest(struct cp_scratches *all, uint64_t now_ns);
/* After the last was closed. */
void cp_scratches_free(struct cp_scratches *all);
