/* values.h - one setting's text to its field in struct cp_config. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/mistakes.h"

/* Reads the value into its field, which holds the default before and keeps it if the value cannot
 * be used. */
void cp_value_set(struct cp_config *config, const struct cp_value *value, struct cp_mistakes *to);
