/* deaths.h - what of a process that ended goes out at once. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

/* A program's processes may die in crowds: one of them in so many nanoseconds goes out by itself,
 * the others with their program's period. And not more than so many such films of a family wait to
 * be made. */
#define CP_DEATHS_EACH_NS UINT64_C(5000000000)

/* The process is over, and has not been taken yet: takes it, into a film of its own or into its
 * program's period. The film's ticket; 0: with the period. */
uint64_t cp_deaths_take(struct cp_family *family, struct cp_member *member,
			const struct cp_ending *ending);
