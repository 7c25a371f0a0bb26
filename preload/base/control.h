/* control.h - what is wanted of a target just now: one word, the uploader's, read by every tick. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "base/recording.h"

/* Its lower half is the length of a CPU period in ns; 0: the settings'. Without CP_WANT_SAID nobody
 * has said anything: what the settings say is wanted. */
#define CP_WANT_SAID   (UINT64_C(1) << 32)
#define CP_WANT_CPU    (UINT64_C(1) << 33)
#define CP_WANT_RARELY (UINT64_C(1) << 34) /* CPU, but rarely: between two windows */
#define CP_WANT_HEAP   (UINT64_C(1) << 35)
#define CP_WANT_ASKED  (UINT64_C(1) << 36) /* the uploader's: somebody asked it to stop this one */

/* As CONPROF_CPU_PROFILERATE: from 1 to 10,000 Hz. What is outside is the settings' again. */
#define CP_CPU_PERIOD_MIN UINT64_C(100000)
#define CP_CPU_PERIOD_MAX UINT64_C(1000000000)

static inline uint64_t cp_control(const struct cp_recording *rec)
{
	/* relaxed: the word stands alone */
	return atomic_load_explicit(&rec->control, memory_order_relaxed);
}

static inline int cp_is_wanted(uint64_t control, uint64_t what)
{
	return !(control & CP_WANT_SAID) || (control & what);
}

/* How long a CPU period is to be while CPU is recorded. */
static inline uint64_t cp_control_period(uint64_t control, uint64_t settings_ns)
{
	uint64_t ns = (uint32_t)control;

	return ns >= CP_CPU_PERIOD_MIN && ns <= CP_CPU_PERIOD_MAX ? ns : settings_ns;
}
