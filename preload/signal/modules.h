/* modules.h - what is mapped where: our own list of the loader's, readable without its lock. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>
#include <stddef.h>

#include "signal/state.h"

/* dl_iterate_phdr waits for the loader's lock, so it is not for us. What the loader keeps for
 * debuggers (struct r_debug) is read instead, as a debugger would: every pointer is proven readable
 * before it is followed, and a list that changed while it was read is not believed. Who updates
 * takes a try-lock: who does not get it leaves, the other one's list is as new. */

/* Finds the loader's list. Once, by the constructor. 0 or -1 (then only the constructor's own view
 * of nothing is recorded: addresses without names). */
int cp_modules_open(void);

/* Brings the list up to date: in the unwinder's and in the recording's copy. Runs anywhere. */
void cp_modules_look(void);
/* The same, if this address is in no known module, and if the list has grown or a second has gone:
 * code that a JIT made is never in one. 1: the address is in a known module now, and was not. */
int cp_modules_look_for(uint64_t pc);

/* Before a stack is entered: code in it that lies where unloaded code lay is told apart from that.
 * 0: somebody else is at the list, and until that is done it can't be. Runs anywhere. */
int cp_modules_meet(const uint64_t *pcs, size_t n);
/* 1: there is nothing to tell apart; only reads. */
int cp_modules_settled(const uint64_t *pcs, size_t n);

/* 1 while another thread loads or unloads: tables of unwinding may be half there. */
int cp_modules_changing(void);

/* For libunwind: dl_iterate_phdr over our own list, with the same callback and an arg whose first
 * word is an address or not; no lock, nothing but entries that are readable at this moment. Runs
 * anywhere. */
int cp_modules_iterate(int (*cb)(struct dl_phdr_info *, size_t, void *), void *arg);

/* In a forked child: whoever held the try-lock is not here. */
void cp_modules_forked(void);

/* Where the unwinder's copy lies: nobody touches it while the process keeps quiet (quiet.h). */
void *cp_modules_room(size_t *size);
