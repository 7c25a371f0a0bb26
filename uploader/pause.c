/* pause.c - how long a program was not sampled. */
/* SPDX-License-Identifier: MIT */
#include "uploader/pause.h"

void cp_pause_begin(struct cp_pause *pause)
{
	*pause = (struct cp_pause){.begun = 0};
}

void cp_pause_account(struct cp_pause *pause, uint64_t now_ns)
{
	if (!pause->since_ns) {
		pause->sampled = 1;
		return;
	}
	uint64_t ns = now_ns > pause->since_ns ? now_ns - pause->since_ns : 0;
	pause->cpu_ns += ns;
	pause->heap_ns += ns;
	pause->period_ns += ns;
	pause->since_ns = now_ns;
}

void cp_pause_set(struct cp_pause *pause, int paused, uint64_t now_ns)
{
	if (pause->begun && paused == !!pause->since_ns)
		return;
	if (pause->begun)
		cp_pause_account(pause, now_ns);
	pause->begun = 1;
	pause->since_ns = paused ? now_ns : 0;
	pause->sampled |= !paused;
}

void cp_pause_window(struct cp_pause *pause, uint64_t now_ns)
{
	cp_pause_account(pause, now_ns);
	pause->cpu_ns = 0;
}

void cp_pause_turn(struct cp_pause *pause, int shipped)
{
	pause->cpu_ns = pause->period_ns = 0;
	if (shipped)
		pause->heap_ns = 0;
	pause->sampled = !pause->since_ns;
}
