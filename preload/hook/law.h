/* law.h - the law of this floor: code here runs inside a call that the application made.
 *  1. It waits for nothing, least of all with a lock of the application or of the C library held.
 *  2. It makes the application's own call exactly once, whatever else fails.
 *  3. It never calls malloc by name: the real functions stand in cp_real.
 *  4. errno afterwards is what the application's own call left.
 * Include this file LAST: from here on the words below do not compile. */
/* SPDX-License-Identifier: MIT */
#pragma once
#pragma GCC poison printf fprintf snprintf puts getenv fopen
#pragma GCC poison pthread_mutex_lock pthread_cond_wait
