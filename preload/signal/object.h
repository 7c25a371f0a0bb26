/* object.h - one loaded object, as modules.c keeps it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "signal/probe.h"

#define CP_OBJECT_HEADERS 16 /* those that somebody reads (loaded.h) */

/* For the unwinder: an object with its headers copied, since the originals may be unmapped while a
 * reader is at them. An entry does not change once it is loaded for the first time: an object that
 * comes back to its place gets its old one, any other gets a new one. */
struct cp_object {
	struct dl_phdr_info info;
	_Atomic uint32_t loaded;
	uint32_t seen; /* the number of the last look that met it */
	ElfW(Phdr) headers[CP_OBJECT_HEADERS];
};

static inline int cp_object_covers(const struct cp_object *o, uint64_t pc)
{
	for (int i = 0; i < o->info.dlpi_phnum; i++) {
		uint64_t start = o->info.dlpi_addr + o->headers[i].p_vaddr;

		if (o->headers[i].p_type == PT_LOAD && pc >= start &&
		    pc - start < o->headers[i].p_memsz)
			return 1;
	}
	return 0;
}

/* Its table of unwind tables, which the unwinder reads if the address is in this object. */
static inline int cp_object_is_readable(const struct cp_object *o)
{
	for (int i = 0; i < o->info.dlpi_phnum; i++)
		if (o->headers[i].p_type == PT_GNU_EH_FRAME)
			return cp_readable(o->info.dlpi_addr + o->headers[i].p_vaddr);
	return 1;
}

static inline int cp_object_is(const struct cp_object *o, const struct cp_object *fresh)
{
	return o->info.dlpi_addr == fresh->info.dlpi_addr &&
	       o->info.dlpi_phnum == fresh->info.dlpi_phnum &&
	       memcmp(o->headers, fresh->headers, sizeof o->headers) == 0;
}

/* Where its segments begin and end. */
static inline uint64_t cp_object_bounds(const struct cp_object *o, uint64_t *end)
{
	uint64_t start = UINT64_MAX;

	*end = 0;
	for (int i = 0; i < o->info.dlpi_phnum; i++) {
		uint64_t at = o->info.dlpi_addr + o->headers[i].p_vaddr;

		if (o->headers[i].p_type != PT_LOAD)
			continue;
		start = at < start ? at : start;
		*end = at + o->headers[i].p_memsz > *end ? at + o->headers[i].p_memsz : *end;
	}
	return start;
}
