/* serve.h - `conprof uploader NAME`: the life of an uploader, from its socket to its last delivery.
 */
/* SPDX-License-Identifier: MIT */
#pragma once

/* The exit status. A join may wait at descriptor 3. */
int cp_serve(const char *name);
