/* pulse.h - whether the uploader lives: it beats the recording's heart once a second. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/state.h"

/* So long nothing is asked: the heart is all that an event looks at. */
#define CP_PULSE_STILL UINT64_C(3000000000)

static inline uint64_t cp_pulse(void)
{
	return atomic_load_explicit(&cp_state.rec->heartbeat_ns, memory_order_relaxed);
}

/* For how long nobody has beaten the heart. */
static inline uint64_t cp_pulse_stillness(uint64_t now)
{
	uint64_t beat = cp_pulse();

	if (beat == CP_HEARTBEAT_LEFT)
		return 0;
	if (beat == CP_HEARTBEAT_NEVER) {
		uint64_t came = atomic_load_explicit(&cp_state.joined_ns, memory_order_relaxed);

		beat = cp_state.rec->start_monotonic_ns;
		beat = came > beat ? came : beat;
	}
	return now > beat ? now - beat : 0;
}

/* Of one that has been still: it is dead, or silent for too long. Asks the rendezvous, every few
 * seconds. All of these run anywhere in a process that is recorded. */
int cp_pulse_is_dead(uint64_t now);

/* Of one that may have beaten just now: it is dead, surely. */
int cp_pulse_has_stopped(uint64_t now);

/* Somebody reads the recording, and so has what it holds when the next one comes. */
int cp_pulse_is_read(uint64_t now);
