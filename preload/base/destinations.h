/* destinations.h - the setting that says where profiles go. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/mistakes.h"

/* The value is printable and fits into its field. Of each address between its commas:
 * scheme://rest, the scheme one that can be delivered to, the rest of the right shape. */
void cp_value_address(struct cp_config *config, const struct cp_value *value,
		      struct cp_mistakes *to);
