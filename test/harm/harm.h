/* harm.h - what the programs that provoke harm share: one way to say that it was done. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "test/truth/truth.h"

/* Says what is wrong and ends the program at once, from whichever thread or child finds it. */
#define HARM_UNLESS(condition, ...)                                                                \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			printf("harm in line %d: ", __LINE__);                                     \
			printf(__VA_ARGS__);                                                       \
			printf("\n");                                                              \
			fflush(stdout);                                                            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
