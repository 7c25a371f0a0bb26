/* diff.h - two profiles compared, as lines. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Prints, for each sample type that both have, which functions took a greater or lesser share in
 * `after`. The exit status: 0, or 1 when a file cannot be read. */
int cp_diff_print(const char *before, const char *after);
