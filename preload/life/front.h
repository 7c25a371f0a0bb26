/* front.h - are we the front door of memory? */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"

/* 1, and a line for level 2: somebody defines malloc in front of us, the program itself or what is
 * preloaded before. Then only what it hands on is seen. From the constructor. */
int cp_front_taken(const struct cp_config *config);
