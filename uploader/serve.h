/* serve.h - `conprof uploader NAME [ELDER]`: the life of an uploader, from its socket to its last delivery.
 */
/* SPDX-License-Identifier: MIT */
#pragma once

/* The exit status. A join may wait at descriptor 3. elder: where it goes if somebody is there, or
 * NULL. */
int cp_serve(const char *name, const char *elder);
