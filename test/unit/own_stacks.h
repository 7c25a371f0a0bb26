/* own_stacks.h - for tests of our own unwinder: its tables, its range, and functions of a known
 * order. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "signal/modules.h"
#include "signal/tables.h"
#include "signal/unwind_own.h"

/* Code of the test's own has sections of its own, which the linker puts behind all else; what
 * stands before the first of them, IN(in_test), counts as ours. A section of a function's own tells
 * its frames from others. */
#define IN(section_name)                                                                           \
	__attribute__((section(#section_name), noinline, no_sanitize("address", "undefined")))
#define IN_TEST IN(in_test)
extern char __start_in_test[], __executable_start[];
__asm__(".pushsection in_test, \"ax\"\n.popsection"); /* the first that the linker sees */

#define ROOM 512
static volatile int changing;

int cp_modules_changing(void)
{
	return changing;
}

static int add_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	cp_tables_add(info);
	return 0;
}

static inline void know_modules(void)
{
	cp_tables_begin();
	dl_iterate_phdr(add_module, NULL);
	cp_tables_end();
}

/* The stack of whom this is called by, inlined or not. */
static inline __attribute__((always_inline)) size_t stack_here(uint64_t *pcs, size_t max,
							       unsigned *flags)
{
	return cp_own_here(__builtin_frame_address(0), (uint64_t)(uintptr_t)__executable_start,
			   (uint64_t)(uintptr_t)__start_in_test, pcs, max, flags);
}

#define FRAMES_IN(section_name, pcs, n)                                                            \
	({                                                                                         \
		extern char __start_##section_name[], __stop_##section_name[];                     \
		count_between(pcs, n, __start_##section_name, __stop_##section_name);              \
	})
static inline size_t count_between(const uint64_t *pcs, size_t n, const void *from, const void *to)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += pcs[i] > (uint64_t)(uintptr_t)from && pcs[i] <= (uint64_t)(uintptr_t)to;
	return found;
}

/* For dl_iterate_phdr: where libc's code begins and ends. */
static inline int find_libc(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t *found = arg;

	(void)size;
	if (!strstr(info->dlpi_name, "/libc.so"))
		return 0;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
			found[0] = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			found[1] = found[0] + info->dlpi_phdr[i].p_memsz;
		}
	return 1;
}
