/* object.h - what lies in a loaded object. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>
#include <stdint.h>

static inline int cp_object_holds(const struct dl_phdr_info *info, uintptr_t at)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD &&
		    at - (info->dlpi_addr + ph->p_vaddr) < (uintptr_t)ph->p_memsz)
			return 1;
	}
	return 0;
}
