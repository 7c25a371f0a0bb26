/* kernel.h - what this kernel cannot keep us from doing to the application. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"

/* One line, at level 2, where our ticks may be felt. */
void cp_life_kernel(const struct cp_config *config);
