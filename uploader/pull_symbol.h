/* pull_symbol.h - /debug/pprof/symbol: what addresses are called, for readers of profiles. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/chosen.h"

/* Addresses of the chosen process, or of the program's first: behind '?', or the body of a POST. */
void cp_pull_symbol(struct cp_family *family, struct cp_ask *ask, const struct cp_chosen *chosen);
/* "0x1+0x2" as numbers, as Go reads them; what is none, or 0, is left out. How many there are in
 * all, of which those that fit are in out. Pure. */
size_t cp_pull_addresses(const char *text, uint64_t *out, size_t room);
