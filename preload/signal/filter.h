/* filter.h - seccomp: the system calls that we make, and what a filter would say to them. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>

/* What a call is for. */
enum cp_call_group {
	CP_CALL_START, /* in the constructor alone */
	CP_CALL_EVENT, /* ticks, sampled allocations, threads, forks */
	CP_CALL_HOME   /* a recording of one's own, and the way to the uploader */
};

/* One of our calls, with arguments that stand for those we use, yet do nothing: so it can be shown
 * to a filter, and be made by a child that is there to be killed for it (life/sandbox.c). */
struct cp_call {
	char name[24]; /* in place: a pointer would be relocated at each start */
	long number;
	uint32_t group;
	uint32_t may_fail; /* an errno as the answer costs samples, no more */
	uint64_t args[6];
};

extern const struct cp_call cp_calls[];
extern const size_t cp_calls_count;

/* What is left of us under a filter, from all to nothing. */
enum cp_leave {
	CP_LEAVE_ALL,  /* it allows what we do */
	CP_LEAVE_HOME, /* ticks and samples; but no way to an uploader any more */
	CP_LEAVE_NONE  /* nothing that makes a system call */
};

/* Runs a filter as the kernel would: its answer, SECCOMP_RET_*. One that the kernel would not take
 * kills. data: a struct seccomp_data, as words. */
#define CP_FILTER_WORDS 16
uint32_t cp_filter_run(const struct sock_filter *code, size_t len,
		       const uint32_t data[CP_FILTER_WORDS]);

/* Whether it lets this call of the table pass. */
int cp_filter_allows(const struct sock_filter *code, size_t len, const char *name);

/* Whether that call does its work, rather than be answered by an error. */
int cp_filter_does(const struct sock_filter *code, size_t len, const char *name);

/* What a filter leaves of us; why: the first call that it refuses. */
enum cp_leave cp_filter_judge(const struct sock_filter *code, size_t len, const char **why);
