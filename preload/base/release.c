/* release.c - a kernel's release, as uname says it, compared with one that is known to be enough.
 */
/* SPDX-License-Identifier: MIT */
#include "base/release.h"

/* Far above any version, far below an overflow. */
#define MOST 1000000u

static const char *number(const char *text, unsigned *value)
{
	*value = 0;
	if (*text < '0' || *text > '9')
		return 0;
	for (; *text >= '0' && *text <= '9'; text++)
		if (*value < MOST)
			*value = *value * 10 + (unsigned)(*text - '0');
	return text;
}

int cp_release_before(const char *release, unsigned major, unsigned minor)
{
	unsigned first, second;
	const char *rest = number(release, &first);

	if (!rest || *rest != '.' || !number(rest + 1, &second))
		return 1;
	return first < major || (first == major && second < minor);
}
