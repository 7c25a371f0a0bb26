/* schedule.c - when a program's period ends, and when its CPU window opens. */
/* SPDX-License-Identifier: MIT */
#include "uploader/schedule.h"

#define SECOND UINT64_C(1000000000)

static void open_period(struct cp_schedule *schedule, uint64_t start_ns)
{
	schedule->start_ns = start_ns;
	schedule->cpu_start_ns = start_ns;
	schedule->cpu_open = schedule->cpu_ns >= schedule->period_ns;
}

void cp_schedule_begin(struct cp_schedule *schedule, uint64_t now_ns, uint32_t period_s,
		       uint32_t cpu_duration_s, uint64_t longer_ns)
{
	schedule->longer_ns = longer_ns;
	schedule->period_ns = (period_s ? period_s : 1) * SECOND;
	schedule->cpu_ns = cpu_duration_s * SECOND;
	if (!cpu_duration_s || schedule->cpu_ns > schedule->period_ns)
		schedule->cpu_ns = schedule->period_ns;
	open_period(schedule, now_ns);
}

static uint64_t end_of(const struct cp_schedule *schedule)
{
	return schedule->start_ns + schedule->period_ns + schedule->longer_ns;
}

uint64_t cp_schedule_next(const struct cp_schedule *schedule)
{
	uint64_t end = end_of(schedule);
	return schedule->cpu_open ? end : end - schedule->cpu_ns;
}

enum cp_due cp_schedule_due(struct cp_schedule *schedule, uint64_t now_ns)
{
	if (now_ns < cp_schedule_next(schedule))
		return CP_DUE_NOTHING;
	if (schedule->cpu_open)
		return CP_DUE_PERIOD_END;
	schedule->cpu_open = 1;
	schedule->cpu_start_ns = now_ns;
	return CP_DUE_CPU_WINDOW;
}

void cp_schedule_turn(struct cp_schedule *schedule, uint64_t now_ns)
{
	uint64_t end = end_of(schedule);
	schedule->longer_ns = 0;
	int aligned = now_ns >= end && now_ns - end < schedule->period_ns;
	open_period(schedule, aligned ? end : now_ns);
}
