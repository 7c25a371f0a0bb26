/* unknown.h - names that look like settings of ours, and are none. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/envfile.h"
#include "base/mistakes.h"

/* Whether there is a setting of that name. */
typedef int cp_is_known(const char *name, size_t len);

/* Variables that are set and begin as ours do, CONPROF_, but name no setting: a line for each. */
void cp_unknown_variables(const char *const *env, cp_is_known *is_known, struct cp_mistakes *to);

/* The same of a file's lines, and those that are nothing. */
void cp_unknown_lines(const struct cp_envfile *file, cp_is_known *is_known, struct cp_mistakes *to);
