/* floats.h - the program's floating-point environment, which our own sums leave as it is. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "base/attrs.h"

/* A program may look at the flags of what it computed (fetestexcept), round otherwise than to the
 * nearest, or have an inexact result end it (feenableexcept), and nothing of that is malloc's
 * affair. So what is computed inside it is computed as at a program's start, and leaves no flag.
 *
 * The compiler does not know that a sum touches these registers: what goes in and what comes out
 * is bound to the place by CP_FLOATS_BIND, since none of the asm here passes another. */
#define CP_FLOATS_BIND(number) __asm__ volatile("" : "+r"(number))

struct cp_floats {
	uint64_t control, flags;
};

#if defined(__x86_64__)

#define CP_FLOATS_FLAGS 0x3fu
#define CP_FLOATS_PLAIN 0x1f80u /* nothing traps, to the nearest, nothing flushed to zero */

static inline uint32_t cp_floats_get(void)
{
	uint32_t now;

	__asm__ volatile("stmxcsr %0" : "=m"(now));
	return now;
}

static inline void cp_floats_set(uint32_t to)
{
	__asm__ volatile("ldmxcsr %0" : : "m"(to));
}

static inline struct cp_floats cp_floats_begin(void)
{
	uint32_t now = cp_floats_get();

	if (CP_UNLIKELY((now & ~CP_FLOATS_FLAGS) != CP_FLOATS_PLAIN))
		cp_floats_set(CP_FLOATS_PLAIN | (now & CP_FLOATS_FLAGS));
	return (struct cp_floats){now, 0};
}

/* Where the flag of an inexact result was up already, nothing is to be undone. */
static inline void cp_floats_end(struct cp_floats before)
{
	if (CP_UNLIKELY(cp_floats_get() != (uint32_t)before.control))
		cp_floats_set((uint32_t)before.control);
}

#elif defined(__aarch64__)

static inline struct cp_floats cp_floats_begin(void)
{
	struct cp_floats now;

	__asm__ volatile("mrs %0, fpcr" : "=r"(now.control));
	__asm__ volatile("mrs %0, fpsr" : "=r"(now.flags));
	if (CP_UNLIKELY(now.control != 0))
		__asm__ volatile("msr fpcr, %0" : : "r"(UINT64_C(0)));
	return now;
}

static inline void cp_floats_end(struct cp_floats before)
{
	__asm__ volatile("msr fpsr, %0" : : "r"(before.flags));
	if (CP_UNLIKELY(before.control != 0))
		__asm__ volatile("msr fpcr, %0" : : "r"(before.control));
}

#else
#error "libconprof runs on x86-64 and aarch64"
#endif
