/* live_state.h - what the page is told of a family, as JSON. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* Of the program with this number, or of one that lives when there is none, with more: its
 * processes, what it lost, its periods, and its values in those after `since`. */
void cp_live_state(struct cp_family *family, uint64_t program, uint64_t since, struct cp_text *out);
