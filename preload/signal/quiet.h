/* quiet.h - no system call of ours any more: for a process that is about to forbid them. */
/* SPDX-License-Identifier: MIT */
#pragma once

/* No tick, no sample, no adoption from now on, in any thread, nor in children; not even a thread's
 * end is told to the kernel. What is being done now is waited for, a little. What is only memory
 * goes on: the end of blocks and of threads that are recorded. `flush`: what is pending in other
 * threads must not be delivered any more. 0: there is nothing to stop, or this process is not the
 * one that is recorded (a vfork child). From ordinary context. */
int cp_quiet_begin(int flush);
/* Whether then nobody was left inside, on any thread: what only samples need may be taken away. */
int cp_quiet_alone(void);
/* All of it again: what was to come did not. */
void cp_quiet_end(void);
/* What is pending of this signal is thrown away, in every thread: for a moment it is ignored. By
 * system calls alone, of which two change its action; changes errno. */
void cp_quiet_discard(int sig);
