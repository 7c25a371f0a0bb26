/* codename.h - what compilers at run time call their functions, taken apart for a reader. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/perfmap.h"

struct cp_code_name {
	char name[CP_CODE_NAME_MAX]; /* never empty unless text is */
	char file[CP_CODE_NAME_MAX]; /* empty: unknown */
	uint32_t line;		     /* where the function begins; 0: unknown */
};

/* Knows V8's, CPython's and Java's ways; any other text is the name as it is. */
void cp_code_name(const char *text, struct cp_code_name *out);
