/* log.h - a line for the log, from wherever we are. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"
#include "base/note.h"

/* Where lines go: the settings' file, else standard error. To be given back by cp_log_close. */
int cp_log_open(const struct cp_config *config);
void cp_log_close(int fd);
/* Writes the line, unless the file would grow past RLIMIT_FSIZE: that raises SIGXFSZ. A pipe that
 * nobody reads any more raises nothing. */
void cp_log_write(int fd, struct cp_line *line);
