/* names.h - what threads are called, written once for all who are called so. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/state.h"

/* The number, + 1, of this name in the recording: sixteen bytes, nothing behind its end. 0: it is
 * empty, or there is no room. Runs anywhere. */
uint32_t cp_name_number(struct cp_recording *rec, const uint64_t text[2]);

/* Whether this name has that number, + 1. */
int cp_name_is(const struct cp_recording *rec, uint32_t number, const uint64_t text[2]);

/* Another recording's who in this one: a name; a thread of another is nobody here. */
uint32_t cp_who_of(struct cp_recording *rec, const struct cp_recording *other, uint32_t who);
