/* libunwind.h - the system's libunwind as our unwinder, made safe for a stranger's process. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Opens libunwind.so.8 for ourselves alone and cuts it off from everything it could harm, then
 * gives it to cp_unwind_use. 0; or -1, when it is not there or can't be made safe: it then is not
 * used. */
int cp_libunwind_open(void);
