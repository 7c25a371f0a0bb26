/* cpu.h - the CPU time that a loop took. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>
#include <sys/resource.h>

/* Of this process, or of the children that it waited for. */
static inline uint64_t cpu_ns(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
	       (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u;
}

/* xorshift: what is random here must cost nothing. */
static inline uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	return *state ^= *state << 17;
}
