/* fetch.h - debug files from a debuginfod server: the settings, and the process that asks. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"
#include "encoder/encoder.h"

/* Tells the symbols where to look, and where to unpack what is large, by the settings of the first
 * program. */
void cp_fetch_settings(struct cp_symbols *symbols, const struct cp_config *config);

/* `conprof fetch CACHE BUILD-ID...`: asks the servers of DEBUGINFOD_URLS, one build-id after the
 * other; enum cp_fetch_end. */
int cp_fetch_main(char **argv);
