/* home.h - who we are and where the uploader is: filled in once, used whenever it is to be joined.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "signal/state.h"

/* Finds our own file and code, the uploader beside it, and its environment. 0 or -1: no uploader.
 */
int cp_home_find(void);
/* Notes who the process is, and names the rendezvous after it. The settings stay the caller's, for
 * good. */
void cp_home_describe(const struct cp_config *config, const char *argv0);
/* 1: this program is the uploader itself, or one that a sanitizer runs in: not ours to record. */
int cp_home_stay_out(const char **why);
/* Reads the start of a file as text, which ends with NUL; gives its length, 0 if it can't be read.
 */
size_t cp_home_read(const char *path, char *text, size_t room);
