/* schedule.h - when a program's period ends, and when its CPU window opens. Pure: time is given. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* One period: it begins at start; the last cpu_ns of it are the CPU window. Times are of one clock,
 * in nanoseconds. */
struct cp_schedule {
	uint64_t start_ns;
	uint64_t period_ns;
	uint64_t cpu_ns;
	uint64_t longer_ns;    /* this period than others: the first, by chance */
	uint64_t cpu_start_ns; /* when the window opened */
	int cpu_open;
};

enum cp_due { CP_DUE_NOTHING, CP_DUE_CPU_WINDOW, CP_DUE_PERIOD_END };

/* longer_ns: by so much is the first period longer, so that those of many programs that began at
 * once do not end at once. */
void cp_schedule_begin(struct cp_schedule *schedule, uint64_t now_ns, uint32_t period_s,
		       uint32_t cpu_duration_s, uint64_t longer_ns);
/* When cp_schedule_due will next say something. */
uint64_t cp_schedule_next(const struct cp_schedule *schedule);
/* What is due now; an opened window is noted, the end of a period is not (that is cp_schedule_turn,
 * after the snapshots). */
enum cp_due cp_schedule_due(struct cp_schedule *schedule, uint64_t now_ns);
/* The next period. It begins where this one should have ended, so that small delays do not add up;
 * when it is over early, or was missed by more than a period, it begins now. */
void cp_schedule_turn(struct cp_schedule *schedule, uint64_t now_ns);
