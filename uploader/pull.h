/* pull.h - /debug/pprof/: what Go's net/http/pprof serves, of programs that are not Go's. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/ask.h"

/* /debug/pprof/WHAT: of the program of the process that began first, or of ?program=NAME; ?pid=N:
 * of that process alone. */
void cp_pull_serve(struct cp_family *family, struct cp_ask *ask);
/* /debug/pprof leads to /debug/pprof/. */
void cp_pull_redirect(struct cp_family *family, struct cp_ask *ask);
/* /PROGRAM/debug/pprof/WHAT, for scrapers that know of a path's beginning, but of no parameters. */
void cp_pull_serve_mounted(struct cp_family *family, struct cp_ask *ask);
