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
