/* quantity.c - numbers with a unit, as people read them. */
/* SPDX-License-Identifier: MIT */
#include "uploader/quantity.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

struct scale {
	const char *name;
	double one;
};

static const struct scale times[] = {
    {"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"h", 3.6e12}};
static const struct scale sizes[] = {
    {"B", 1}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
#define SCALES 5

void cp_quantity(int64_t value, const char *unit, char *text, size_t room)
{
	const struct scale *scale = !strcmp(unit, "nanoseconds") ? times
				    : !strcmp(unit, "bytes")	 ? sizes
								 : NULL;
	int at = 0;
	if (!scale) {
		int named = *unit && strcmp(unit, "count") != 0;
		snprintf(text, room, "%" PRId64 "%s%s", value, named ? " " : "", named ? unit : "");
		return;
	}
	while (at + 1 < SCALES && fabs((double)value) >= scale[at + 1].one)
		at++;
	double shown = (double)value / scale[at].one;
	int digits = !at || fabs(shown) >= 100 ? 0 : fabs(shown) >= 10 ? 1 : 2;
	snprintf(text, room, "%.*f %s", digits, shown, scale[at].name);
}
