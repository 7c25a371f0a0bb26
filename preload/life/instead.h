/* instead.h - what libunwind is given in place of functions of libc.
 *
 * While this thread unwinds for us they answer without a lock, a descriptor or memory; for anyone
 * else who shares the library they are libc's, which whoever fills a slot leaves in *before. */
/* SPDX-License-Identifier: MIT */
#pragma once

struct cp_instead {
	const char *name;
	void *ours, **before;
	char need; /* each group of a letter must have a slot */
};

/* That of this name, which is noted in met; NULL: it is left as it is. */
const struct cp_instead *cp_instead_of(const char *name, unsigned *met);
/* 1: what must have been met was. Else this is not the library that we know. */
int cp_instead_is_complete(unsigned met);
