/* pulse.c - whether the uploader lives: it beats the recording's heart once a second. */
/* SPDX-License-Identifier: MIT */
#include "signal/pulse.h"

#include "signal/join.h"

#include "signal/law.h"

#define SILENCE UINT64_C(15000000000) /* whoever is there, it is too long */

static uint32_t uploader(void)
{
	return atomic_load_explicit(&cp_state.rec->uploader_pid, memory_order_relaxed);
}

/* The kernel closes a dead uploader's socket at once; one that is slow, or stopped, has more time,
 * and so has one that was started just now. */
int cp_pulse_is_dead(uint64_t now)
{
	return cp_pulse_stillness(now) > SILENCE ||
	       (cp_pulse() != CP_HEARTBEAT_NEVER &&
		cp_is_time(&cp_state.next_look_ns, now, now + CP_PULSE_STILL) &&
		cp_join_is_gone(uploader()));
}

int cp_pulse_has_stopped(uint64_t now)
{
	uint64_t beat = cp_pulse();

	if (beat == CP_HEARTBEAT_NEVER || beat == CP_HEARTBEAT_LEFT)
		return 0;
	return cp_join_has_died(uploader()) ||
	       (cp_pulse_stillness(now) > CP_PULSE_STILL && cp_join_is_gone(uploader()));
}

int cp_pulse_is_read(uint64_t now)
{
	uint64_t beat = cp_pulse();

	return beat != CP_HEARTBEAT_NEVER && beat != CP_HEARTBEAT_LEFT &&
	       cp_pulse_stillness(now) <= SILENCE;
}
