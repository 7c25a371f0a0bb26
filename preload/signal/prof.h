/* prof.h - the handler of SIGPROF, for the time that ITIMER_PROF has to serve. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* Says which handler is to be installed when it comes to that (shared.h). From the constructor. */
void cp_prof_prepare(void);
