/* release.h - a kernel's release, as uname says it, compared with one that is known to be enough.
 */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether "5.4.0-150-generic" is older than major.minor. What cannot be read is. */
int cp_release_before(const char *release, unsigned major, unsigned minor);
