/* quantity.h - numbers with a unit, as people read them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* A value of a profile's unit: nanoseconds as time, bytes in powers of 1024, others as they are. */
void cp_quantity(int64_t value, const char *unit, char *text, size_t room);
