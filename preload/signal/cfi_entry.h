/* cfi_entry.h - between the two halves of cfi.h: the entry of a function, and its program. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/cfi.h"

struct cp_entry {
	uint64_t start, end;
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_column;
	unsigned encoding; /* of addresses */
	int has_size;	   /* augmentation data begin with their length */
	int is_signal;
	struct cp_bytes initial, program;
};

/* A number, an address, as an encoding of .eh_frame's says; what it cannot say makes b bad. */
int64_t cp_cfi_number(struct cp_bytes *b, unsigned encoding);
uint64_t cp_cfi_address(const struct cp_segment *t, struct cp_bytes *b, unsigned encoding);

/* Runs the programs up to the row of pc. 1, or 0: they make no sense. */
int cp_cfi_run(const struct cp_segment *table, const struct cp_entry *entry, uint64_t pc,
	       struct cp_rules *rules);
