/* base_draw.c - is the mathematics of sampling right, without libm? */
/* SPDX-License-Identifier: MIT */
#include <fenv.h>
#include <math.h>

#include "base/draw.h"
#include "test/unit/unit.h"

static void assert_near(double got, double want, double relative)
{
	if (fabs(got - want) > relative * fabs(want))
		fail_msg("%.17g is not %.17g within %g", got, want, relative);
}

static void logarithm_is_libms(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t bits = cp_random(&seed) >> (cp_random(&seed) % 60);
		double u = ldexp((double)(bits >> 11 << 11) + 0.5, -64);

		if (bits >> 40 && fabs(cp_minus_log(bits) + log(u)) > 1e-8)
			fail_msg("-ln(%.17g) is not %.17g", u, cp_minus_log(bits));
	}
	assert_true(cp_minus_log(0) < 46);
	assert_true(cp_minus_log(~UINT64_C(0)) >= 0);
}

static void chance_is_libms(void **state)
{
	(void)state;
	for (double x = 1e-9; x < 60; x *= 1.07)
		assert_near(cp_chance(x), -expm1(-x), 1e-9);
	assert_true(cp_chance(0) == 0);
}

/* The mean of 10^6 exponential gaps, each rounded down, lies within five standard errors (each the
 * mean / 1000). */
static void gaps_have_their_mean(void **state)
{
	const uint64_t means[] = {64, 4096, 524288};

	(void)state;
	for (int m = 0; m < 3; m++) {
		uint64_t seed = 7;
		double sum = 0;

		for (int i = 0; i < 1000000; i++)
			sum += (double)cp_next_gap(&seed, means[m]) + 0.5;
		assert_near(sum / 1e6, (double)means[m], 5e-3);
	}
}

/* What the fast path does (hook/heap.h:cp_heap_pass), with weights as the slow path adds them: what
 * n blocks of these sizes, in turn, come to. */
struct sums {
	double objects, bytes; /* as estimated */
	double want_bytes, objects_variance, bytes_variance;
};

static struct sums run(const uint64_t *sizes, size_t count, uint64_t mean, uint64_t n)
{
	uint64_t seed = 99 + sizes[0] + mean, objects = 0, bytes = 0;
	uint64_t left = cp_next_gap(&seed, mean);
	struct sums sums = {0};

	for (uint64_t i = 0; i < n; i++) {
		uint64_t size = sizes[i % count];

		if (size < left) {
			left -= size + 1;
			continue;
		}
		objects += cp_weight_objects(cp_weight(size, mean));
		bytes += cp_weight_bytes(cp_weight(size, mean), size);
		left = cp_next_gap(&seed, mean);
	}
	for (size_t k = 0; k < count; k++) {
		double p = -expm1(-(double)(sizes[k] + 1) / (double)mean), size = (double)sizes[k];
		double each = (double)n / (double)count, rest = (1 - p) / p * each;

		sums.want_bytes += size * each;
		sums.objects_variance += rest;
		sums.bytes_variance += rest * size * size;
	}
	sums.objects = (double)objects / CP_OBJECT_ONE;
	sums.bytes = (double)bytes;
	return sums;
}

/* Five standard errors by the variance of such an estimate, and what fixed point and whole bytes
 * may round. */
static void check(const uint64_t *sizes, size_t count, uint64_t mean, uint64_t n)
{
	struct sums s = run(sizes, count, mean, n);
	double off = s.objects - (double)n, allowed = 5 * sqrt(s.objects_variance);

	if (fabs(off) > allowed + (double)n / (2 * CP_OBJECT_ONE))
		fail_msg("%g of %g objects of %g bytes at %g", s.objects, (double)n,
			 (double)sizes[0], (double)mean);
	off = s.bytes - s.want_bytes;
	allowed = 5 * sqrt(s.bytes_variance);
	if (fabs(off) > allowed + (double)n / 2 * fmin(1, ((double)sizes[0] + 1) / (double)mean))
		fail_msg("%g of %g bytes in blocks of %g at %g", s.bytes, s.want_bytes,
			 (double)sizes[0], (double)mean);
}

static void weights_are_unbiased(void **state)
{
	const uint64_t sizes[] = {0, 1, 16, 100, 1024, 65536, 1 << 20, 1 << 26};

	(void)state;
	for (int s = 0; s < 8; s++) {
		check(&sizes[s], 1, 64, 10000000);
		check(&sizes[s], 1, 4096, 3000000);
		check(&sizes[s], 1, 524288, 3000000);
	}
	check(sizes, 8, 64, 20000000);
	check(sizes, 8, 4096, 10000000);
}

/* Of a program that watches its flags, rounds upward, or has an inexact result end it. */
static void sums_are_nobodys_floats(void **state)
{
	const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_TOWARDZERO};
	struct cp_weighed want = cp_weigh(200, 524288), got;
	uint64_t seed = 3, gap = cp_next_gap(&seed, 524288);
	int traps;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fesetround(modes[i]);
		feclearexcept(FE_ALL_EXCEPT);
		traps = feenableexcept(FE_INEXACT);
		seed = 3;
		assert_true(cp_next_gap(&seed, 524288) == gap);
		got = cp_weigh(200, 524288);
		assert_true(got.objects == want.objects && got.bytes == want.bytes);
		assert_int_equal(fetestexcept(FE_ALL_EXCEPT), 0);
		assert_int_equal(fegetround(), modes[i]);
		fedisableexcept(FE_INEXACT);
		assert_int_equal(traps, 0);
	}
	fesetround(FE_TONEAREST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(logarithm_is_libms), cmocka_unit_test(chance_is_libms),
	    cmocka_unit_test(gaps_have_their_mean), cmocka_unit_test(weights_are_unbiased),
	    cmocka_unit_test(sums_are_nobodys_floats)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
