/* reserved.h - the signal of our ticks: one that libc keeps out of every program's reach. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stdint.h>

/* glibc has two signals below SIGRTMIN for itself: 32 for cancellation and 33 (SIGSETXID, since
 * NPTL of 2003; nptl(7)) by which setuid() and its kin reach all threads. No call of its can
 * install, block, wait for or read back either: sigaction refuses them, sigfillset leaves them out,
 * sigprocmask takes them out of a mask. So with ticks on 33 an application's SIGPROF, masks and
 * waits are what they are without us, and no mask hides a thread from us. setuid()'s use of it is
 * handed on. (32 would not do: a thread of glibc's that serves SIGEV_THREAD timers waits for it.)
 */
#define CP_TICK_SIGNAL	   33
#define CP_TICK_SIGNAL_BIT (UINT64_C(1) << (CP_TICK_SIGNAL - 1))

/* Takes the signal. 0, or -errno: this libc has other ideas of it. From the constructor. */
int cp_reserved_open(void);

/* libc installs its own handler when a process makes its first thread, also one for its own use:
 * after that ours goes in front of it again. Until then ticks meet libc's handler, which ignores
 * what did not come from setuid(). One system call, two when there is something to do. Runs
 * anywhere; errno is kept. */
void cp_reserved_keep(void);
