/* truth.h - what every truth needs: work that is measured in its own CPU time, and plain printing.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* A function that must be found in stacks under its own name. */
#ifdef __clang__
#define TRUTH_FRAME __attribute__((noinline))
#else
#define TRUTH_FRAME __attribute__((noinline, noclone))
#endif
/* Keeps the compiler from making the call before it a jump. */
#define TRUTH_STAY() __asm__ volatile("" ::: "memory")

static inline uint64_t truth_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Burns this much CPU time of the calling thread, whatever else the machine does meanwhile.
 * Inlined, so that the caller is where the samples fall. */
static inline __attribute__((always_inline)) void truth_burn(uint64_t ms)
{
	uint64_t end = truth_clock(CLOCK_THREAD_CPUTIME_ID) + ms * 1000000u;

	while (truth_clock(CLOCK_THREAD_CPUTIME_ID) < end)
		for (int i = 0; i < 200000; i++)
			__asm__ volatile("" : "+r"(i));
}

/* "printed NAME" of a truth's comment. Written at once: some truths end without flushing. */
static inline void truth_print(const char *name, uint64_t value)
{
	printf("%s %llu\n", name, (unsigned long long)value);
	fflush(stdout);
}

static inline void truth_print_cpu(void)
{
	truth_print("cpu_ns", truth_clock(CLOCK_PROCESS_CPUTIME_ID));
}

/* Waits until the runner closes stdin: it does so when it has seen what it waits for. */
static inline void truth_hold(void)
{
	char c;

	while (read(0, &c, 1) > 0)
		;
}
