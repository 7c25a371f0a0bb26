/* find.h - a function where libc has it, whoever else has one of that name. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* NULL: it is not there, or must be asked for which of its kinds this machine needs. */
void *cp_libc_find(const char *name);

/* What is defined behind this library, in the order in which the loader looks, as dlsym with
 * RTLD_NEXT finds it, but without its lock and its memory, and at a quarter of its price. found
 * stays NULL if the name is nowhere, or for dlsym to answer: it is no plain function. 0: nothing
 * can be said, since not even the first name was met. */
struct cp_sought {
	const char *name;
	void **to; /* where the caller wants it */
	void *found;
	uint32_t hash;
	int met;
};
int cp_libc_next(struct cp_sought *sought, unsigned n);

/* Whether any object that was loaded at the start, but this library, defines the name: dlsym, asked
 * for one that is nowhere, leaves an error which the program then finds. */
int cp_libc_anyone_has(const char *name);

/* The path by which the loader has found this library; NULL: it has no such list. */
const char *cp_libc_own_path(void);

/* Whether the object that was loaded at this base at the start defines the name. */
int cp_libc_defines(uintptr_t base, const char *name);

/* Whether this address lies in libc. */
int cp_libc_holds(uintptr_t at);
