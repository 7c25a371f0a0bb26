/* pull_index.h - the page at /debug/pprof/. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* Plain HTML without a script: what can be had, of the program whose page it is, and the others. */
void cp_pull_index(const struct cp_family *family, const struct cp_program *program,
		   struct cp_text *out);
