/* tables.h - which module's unwind tables speak of an address. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>

/* One executable segment of a module that has an .eh_frame_hdr. All that is read of its tables lies
 * in [low, high), the loaded segment that holds them. */
struct cp_segment {
	uint64_t start, end; /* code */
	uint64_t header;     /* its .eh_frame_hdr, 0: none */
	uint64_t low, high;
};

/* The list is made anew by whoever holds the modules' try-lock (modules.c): begin, add each module,
 * end. Readers see the old list until then. */
void cp_tables_begin(void);
void cp_tables_add(const struct dl_phdr_info *info);
void cp_tables_end(void);

/* A module was unloaded: what was learnt by address before is not believed any more. The epoch is
 * part of what it was remembered by: 64 bits of which no two are alike in a process's life, nor
 * differ by as little as addresses do. */
void cp_tables_forget(void);
extern _Atomic uint64_t cp_tables_epoch;

/* 1: *found is the segment this address lies in, 0: none is known. Runs anywhere; a list that
 * changes at this moment is looked at again, and given up after that. */
int cp_tables_find(uint64_t pc, struct cp_segment *found);
