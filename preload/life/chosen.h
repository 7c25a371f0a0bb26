/* chosen.h - whether this start is one of those that are recorded (CONPROF_INSTANCE_FRACTION). */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/config.h"

/* By chance, once for a program and what it starts: who was started by one that is recorded is
 * recorded, who was started by one that is not is not, and an exec changes nothing. Without a
 * fraction it asks nothing. From the constructor. */
int cp_chosen(const struct cp_config *config);
