/* ledger.h - the recording's list of modules: what its addresses mean, and when. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>

#include "signal/state.h"

/* All of these are called by modules.c, by whoever holds its try-lock; those that ask by anyone. */

/* An object was loaded: an entry for each executable segment, or its old entry again. */
void cp_ledger_add(struct cp_recording *rec, const struct dl_phdr_info *info, const char *path);
/* The object with this bias was unloaded. */
void cp_ledger_end(struct cp_recording *rec, uint64_t bias);
/* Whether this address lies in a module that is loaded. */
int cp_ledger_knows(struct cp_recording *rec, uint64_t pc);
/* Whether an address of the present epoch would be named as a module that is gone. */
int cp_ledger_misleads(struct cp_recording *rec, uint64_t pc);
/* From now on it would not: the next epoch begins. */
void cp_ledger_turn(struct cp_recording *rec);
