/* vault.h - memory for secrets: in no core dump, not swapped out where that is allowed, wiped when
 * it is given back. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

/* As malloc, realloc and free; any thread. */
void *cp_vault_get(size_t size) __attribute__((malloc));
void *cp_vault_zeroed(size_t count, size_t size);
void *cp_vault_resize(void *at, size_t size);
char *cp_vault_copy(const char *text);
void cp_vault_give(void *at); /* NULL is allowed */
