/* settings.h - environment and configuration file, read once by the constructor. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"

/* Fills config. Complaints are kept until somebody decides that they are to be told. */
void cp_life_settings(struct cp_config *config);
/* One more line, from the constructor itself; level as CONPROF_LOG_LEVEL. */
void cp_life_complain(const struct cp_config *config, unsigned level, const char *what,
		      const char *detail);
/* Writes what was complained to the log file, or stderr; unless our parent process is recorded,
 * too: then it has said the same already. */
void cp_life_tell(const struct cp_config *config);

/* Whether text occurs in a file. */
int cp_life_file_has(const char *path, const char *text);
