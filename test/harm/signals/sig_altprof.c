// harm: build -Wl,-z,now
// harm: with CONPROF_CPU_PROFILERATE=1000 CONPROF_CPU_TIMER=itimer
// harm: within 40
// harm: exit 0
// SPDX-License-Identifier: MIT
// The small alternate stacks of sig_altstack.c where the process's timer serves, which cannot leave
// out one thread: it is given up for the first of them, and waits for handlers on the second. It is
// a SIGSEGV when hook/altstack.c only passes the calls on.
#include "test/harm/signals/sig_altstack.c"
