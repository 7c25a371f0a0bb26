/* intact.h - whether what is read back is what was written. Pure. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* One gzip member, whole, with the sum that it says. */
int cp_intact_gzip(const uint8_t *data, size_t len);
/* One object of JSON, as far as its quotes and brackets tell; NUL stands behind it. */
int cp_intact_event(const char *text, size_t len);
/* All that the event says is attached is there; profiles: CP_BIT()s of what is. */
int cp_intact_set(const char *event, unsigned profiles);
