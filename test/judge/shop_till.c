/* shop_till.c - the part of shop.cpp in C: a cold path, inlined functions of a header. */
/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>

#include "shop.h"
static volatile long sink;
static inline __attribute__((always_inline)) long inner(long n)
{
	sink += n;
	return twice(n) + sink;
}
static __attribute__((noinline)) long walk(struct pair *p, int n)
{
	long sum = 0;
	for (int i = 0; i < n; i++) {
		if (__builtin_expect(p[i].a < 0, 0)) {
			fprintf(stderr, "bad %d\n", i);
			abort();
		}
		sum += inner(p[i].a) * inner(p[i].b);
	}
	return sum;
}
long till_other(long n)
{
	struct pair *p = calloc((size_t)n + 1, sizeof(*p));
	for (long i = 0; i < n; i++)
		p[i].a = twice(i), p[i].b = inner(i);
	long sum = walk(p, (int)n);
	free(p);
	return sum;
}
