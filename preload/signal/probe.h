/* probe.h - may this address be read? Asked of the kernel, without a descriptor. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* 1 if eight bytes at this address can be read now. Keeps errno. Runs anywhere. */
int cp_readable(uintptr_t address);

/* Copies memory that another thread may unmap at any moment. 1, or 0 when it is not there. Keeps
 * errno. Runs anywhere. Where the kernel's call for it is forbidden (seccomp), what was readable a
 * moment before is read directly. */
int cp_peek(void *to, const void *from, size_t n);
