/* look_file.h - a profile's file for `conprof flame` and `conprof diff`. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/reader.h"

/* The file's bytes, to be freed, and the profile in them. 0; else 1, nothing to be freed, and one
 * line on stderr that begins with the command says what is wrong. */
int cp_look_open(const char *command, const char *path, struct cp_bytes *bytes,
		 struct cp_reader **reader);
/* Makes of bytes what a browser can unpack: it knows gzip, but not zstd. 0 or -errno. */
int cp_look_for_browser(struct cp_bytes *bytes);
