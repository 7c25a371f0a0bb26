/* signal_cost.h - what a signal costs on this machine. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* CPU time of a signal's way to a handler of our kind and back, less the call that sends it; and of
 * a look at a thread's CPU clock. Measured once, a fraction of a millisecond. */
struct cp_signal_cost {
	uint64_t signal_ns, clock_ns;
};
const struct cp_signal_cost *cp_signal_cost(void);
