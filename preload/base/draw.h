/* draw.h - the mathematics of sampling: random numbers, the next gap, a sample's weight. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

#include "base/floats.h"
#include "base/recording.h"

/* Bytes of allocation are marked at random, on average one in every `interval` (a Poisson process).
 * A block is sampled when a mark falls into it, so one of n bytes is sampled with chance
 * p(n) = 1 - exp(-n / interval) and stands for 1/p(n) blocks: an unbiased estimate for each size.
 * Because the process has no memory, the gap is drawn afresh after each sample, whatever of the
 * block was left over. A block counts one byte more than was asked for, so that malloc(0), which
 * takes memory too, is seen. At 512 KiB: 64 bytes stand for 8066 blocks, 4 KiB for 128.5,
 * 512 KiB for 1.58, 16 MiB for 1.
 *
 * No libm: the library is linked with libc alone. Series are carried until the relative error is
 * below 1e-9, far less than the noise of any count of samples; without a division in them, for a
 * sample weighs its block twice. */

/* splitmix64 (Steele, Lea, Flood 2014): any state is a good one, 0 too. */
static inline uint64_t cp_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* -ln(u) for u = bits / 2^64, bits made odd: in (0, 1). */
static inline double cp_minus_log(uint64_t bits)
{
	int zeros = __builtin_clzll(bits | 1);
	double m, z, z2;

	m = (double)(((bits | 1) << zeros) >> 11) / 4503599627370496.0; /* in [1, 2) */
	z = (m - 1) / (m + 1);
	z2 = z * z;
#define CP_ATANH(k, more) (1.0 / (k) + z2 * (more))
	return (zeros + 1) * 0.69314718055994530942 -
	       2 * z *
		   CP_ATANH(
		       1,
		       CP_ATANH(
			   3,
			   CP_ATANH(
			       5, CP_ATANH(
				      7, CP_ATANH(
					     9, CP_ATANH(11,
							 CP_ATANH(13, CP_ATANH(15, 1.0 / 17))))))));
#undef CP_ATANH
}

/* Whole bytes in front of the next mark: exponential with this mean, rounded down. So the mark
 * falls into the first n + 1 bytes with chance p(n + 1), from the first block on; with 1 more, a
 * block of 0 bytes would never have it, and at an interval of 64 a sixty-fourth of such blocks be
 * missing. */
static inline uint64_t cp_next_gap(uint64_t *state, uint64_t mean)
{
	struct cp_floats before = cp_floats_begin();
	uint64_t bits = cp_random(state), whole;
	double gap;

	CP_FLOATS_BIND(bits);
	CP_FLOATS_BIND(mean);
	gap = cp_minus_log(bits) * (double)mean;
	whole = gap < 4e18 ? (uint64_t)gap : INT64_MAX / 2;
	CP_FLOATS_BIND(whole);
	cp_floats_end(before);
	return whole;
}

/* 1 - exp(-x), x >= 0. */
static inline double cp_chance(double x)
{
	int halvings = 0;
	double e;

	if (x > 50)
		return 1;
	for (; x > 0.25; x /= 2)
		halvings++;
#define CP_EXP(k, more) (1 - x * (1.0 / (k)) * (more))
	e = x *
	    CP_EXP(2,
		   CP_EXP(3, CP_EXP(4, CP_EXP(5, CP_EXP(6, CP_EXP(7, CP_EXP(8, CP_EXP(9, 1))))))));
#undef CP_EXP
	for (; halvings > 0; halvings--)
		e = e * (2 - e); /* 1-q^2 from 1-q, without cancellation */
	return e;
}

/* How many blocks a sampled block of this size stands for. */
static inline double cp_weight(uint64_t size, uint64_t interval)
{
	return 1 / cp_chance(((double)size + 1) / (double)interval);
}

/* The same as the recording's counters: what is added at malloc is added again at free, to the bit.
 */
static inline uint64_t cp_weight_objects(double weight)
{
	return (uint64_t)(weight * CP_OBJECT_ONE + 0.5);
}

static inline uint64_t cp_weight_bytes(double weight, uint64_t size)
{
	return (uint64_t)(weight * (double)size + 0.5);
}

/* What a sampled block of this size adds to a pair of the recording's counters. */
struct cp_weighed {
	uint64_t objects, bytes;
};

static inline struct cp_weighed cp_weigh(uint64_t size, uint64_t interval)
{
	struct cp_floats before = cp_floats_begin();
	struct cp_weighed weighed;
	double weight;

	CP_FLOATS_BIND(size);
	CP_FLOATS_BIND(interval);
	weight = cp_weight(size, interval);
	weighed.objects = cp_weight_objects(weight);
	weighed.bytes = cp_weight_bytes(weight, size);
	CP_FLOATS_BIND(weighed.objects);
	CP_FLOATS_BIND(weighed.bytes);
	cp_floats_end(before);
	return weighed;
}
