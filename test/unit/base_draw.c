/* base_draw.c - is the mathematics of sampling right, without libm? */
/* SPDX-License-Identifier: MIT */
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

/* The mean of 10^6 exponential gaps lies within five standard errors (each the mean / 1000). */
static void gaps_have_their_mean(void **state)
{
	const uint64_t means[] = {64, 4096, 524288};

	(void)state;
	for (int m = 0; m < 3; m++) {
		uint64_t seed = 7;
		double sum = 0;

		for (int i = 0; i < 1000000; i++)
			sum += (double)cp_next_gap(&seed, means[m]) - 0.5;
		assert_near(sum / 1e6, (double)means[m], 5e-3);
	}
}

/* What the fast path does, with weights as the slow path adds them: bytes and objects come out
 * right for every size, also where sizes mix. Five standard errors, by the variance of such an
 * estimate. */
static void weights_are_unbiased(void **state)
{
	const uint64_t sizes[] = {0, 1, 16, 100, 1024, 65536, 1 << 20};
	const uint64_t mean = 4096;

	(void)state;
	for (int s = 0; s < 7; s++) {
		uint64_t seed = 99 + (uint64_t)s, objects = 0, n = 2000000;
		int64_t left = cp_next_gap(&seed, mean);
		double p = cp_chance(((double)sizes[s] + 1) / (double)mean);

		for (uint64_t i = 0; i < n; i++) {
			left -= (int64_t)sizes[s] + 1;
			if (left >= 0)
				continue;
			objects += cp_weight_objects(cp_weight(sizes[s], mean));
			left = cp_next_gap(&seed, mean);
		}
		assert_near((double)objects / CP_OBJECT_ONE, (double)n,
			    5 * sqrt((1 - p) / p / (double)n) + 1e-3);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(logarithm_is_libms), cmocka_unit_test(chance_is_libms),
	    cmocka_unit_test(gaps_have_their_mean), cmocka_unit_test(weights_are_unbiased)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
