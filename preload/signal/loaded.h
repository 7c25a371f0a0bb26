/* loaded.h - the loader's list of what is loaded, as it keeps it for debuggers. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <link.h>
#include <stddef.h>

/* NULL: this program has none. */
const struct r_debug *cp_loaded_list(void);

/* An absolute path, since the uploader works elsewhere; "" when there is none to be read. The
 * result is `to`, or lives longer than it. */
const char *cp_loaded_path(const struct link_map *map, int is_program, char *to, size_t room);

/* An object with more program headers than this is not known to us. */
#define CP_LOADED_HEADERS 64

/* Those program headers that somebody reads (loaded segments, unwind tables, dynamic section,
 * notes): of the program by the kernel's word, of all others from behind their ELF header. Gives
 * how many, at most max; 0: there is nothing to be read, this object may be on its way out. `raw`
 * is room for all that there are. */
ElfW(Half) cp_loaded_headers(const struct link_map *map, int is_program,
			     ElfW(Phdr) raw[CP_LOADED_HEADERS], ElfW(Phdr) * to, unsigned max);
