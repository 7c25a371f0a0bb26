/* debuginfod.h - debug files that a server sends: asked for by build-id, there the next time. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "encoder/elffile.h"

struct cp_debuginfod;

/* Nobody waits for a server: `PROGRAM fetch CACHE BUILD-ID...` is started with its addresses in
 * DEBUGINFOD_URLS, and puts what comes into the cache. urls stays the caller's, for as long as this
 * lives. NULL when memory is out. */
struct cp_debuginfod *cp_debuginfod_new(const char *urls, const char *cache, const char *program);
/* Ends what is on its way. NULL is allowed. */
void cp_debuginfod_free(struct cp_debuginfod *asked);
/* The debug file, if it is in the cache: 0; else -1, and it is asked for the next time somebody
 * looks. */
/* Whether a cache can be believed: in a spool that others may write to, somebody else may have made
 * it first. */
bool cp_debuginfod_is_ours(const char *folder);
int cp_debuginfod_open(struct cp_debuginfod *asked, const struct cp_module_id *id,
		       struct cp_elf *file);
/* Sees to what is on its way, and with start asks for what is wanted. A line for the log, or NULL.
 */
const char *cp_debuginfod_look(struct cp_debuginfod *asked, uint64_t now_ns, int start);
/* Grows whenever something has come. */
uint32_t cp_debuginfod_arrivals(const struct cp_debuginfod *asked);

/* How the program that is started ends. */
enum cp_fetch_end {
	CP_FETCH_ANSWERED,  /* each is there, or known to be nowhere */
	CP_FETCH_NO_SERVER, /* that did not answer, or not in time */
	CP_FETCH_NO_LIBRARY,
	CP_FETCH_NO_ROOM
};
/* What one start may take altogether. */
#define CP_FETCH_SECONDS 600

/* Room for a build-id in lowercase hex, and it. */
#define CP_HEX_ID 80
void cp_hex_id(const struct cp_module_id *id, char text[CP_HEX_ID]);
