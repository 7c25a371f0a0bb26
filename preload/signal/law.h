/* law.h - the law of this floor: code here may run inside a signal handler, and in a forked child.
 *  1. It waits for nothing: no lock that blocks; what it cannot have, it counts as lost.
 *  2. It allocates nothing and calls nothing but what allowed.txt names, each with its reason.
 *  3. It leaves errno as it found it; the skin (tick.c, or the hook that opened the door) sees to
 * it. Include this file LAST: from here on the words below do not compile. */
/* SPDX-License-Identifier: MIT */
#pragma once
#pragma GCC poison malloc calloc realloc free printf fprintf snprintf puts dlsym dlopen getenv
#pragma GCC poison pthread_mutex_lock pthread_cond_wait pthread_create pthread_getspecific
