/* serve.h - `conprof uploader NAME [ELDER]`: an uploader's life, socket to last delivery. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* The exit status. A join may wait at descriptor 3. elder: where it goes if somebody is there, or
 * NULL. */
int cp_serve(const char *name, const char *elder);
