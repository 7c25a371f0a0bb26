/* operators.h - operator new and delete of an allocator that brings its own. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* These names are never exported: in a C program that loads C++ plugins ours would take the place
 * of the plugins' own, with nothing behind it. Where an allocator defines them, life/operators.c
 * writes the skins into the slots of those who call them. */
struct cp_operator {
	const char *name;
	void *skin;
	void **real; /* filled before the first slot is; NULL: not the allocator's, not in use */
};

#define CP_OPERATORS 21
extern const struct cp_operator cp_operators[CP_OPERATORS];
