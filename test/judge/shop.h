/* shop.h - what the parts of shop.cpp share. */
/* SPDX-License-Identifier: MIT */
#pragma once
#ifdef __cplusplus
extern "C" {
#endif
long till_other(long n);
long till_label(long n);
struct pair {
	long a, b;
};
static inline long twice(long n)
{
	return n * 2 + 1;
}
#ifdef __cplusplus
}
#endif
