/* near.h - work of ours on the application's own stack, where there is room and nothing to undo. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "signal/thread.h"

/* The short way of a sampled allocation: no signal is blocked and no stack changed, which is two
 * thirds of what a sample costs the long way (apart.h). So any handler may come in between, run
 * below us, sample in its turn, and never come back (siglongjmp, a cancelled thread). Therefore
 * what is done near must hold nothing: no ticket, no scratch, no try-lock, and each table is left
 * as a reader finds it. The most that a jump leaves behind is a room, a row, or a word of `inside`
 * that nobody uses.
 *
 * Only where the thread's stack is known to have room: below the frame at least CP_NEAR_ROOM, of
 * which we take 8 KiB (4 for the addresses), and a handler the rest. On fibers, alternate stacks
 * and threads that somebody else made, the long way is taken. */
#define CP_NEAR_ROOM (64 * 1024)

/* The first thread's stack, from its upper end (the program's name, AT_EXECFN, lies in its last
 * page) on. By the constructor. */
void cp_near_main(struct cp_thread *self);
/* A thread's, of this size; 0: what the libc gives by default, with a guard. By a new thread of
 * ours, before it runs what it was made for. */
void cp_near_thread(struct cp_thread *self, size_t size);

/* 1: the frame lies on the thread's own stack, there is room, and the process records and will not
 * be hushed (quiet.h) before cp_near_leave. */
int cp_near_enter(struct cp_thread *self, const void *frame);
void cp_near_leave(struct cp_thread *self);
/* The same on any stack and in any phase, for a few instructions: until cp_near_leave the recording
 * is not exchanged for another by who has not begun with it yet (cp_is_moving). */
void cp_near_hold(struct cp_thread *self, const void *frame);
/* The thread's stack ends there now: what a jump has left behind below is over. */
void cp_near_look(struct cp_thread *self, uint64_t sp);
/* Another stack lies here: an array of the thread's own, as alternate ones sometimes are. What runs
 * there seems to have the room that is below it. */
void cp_near_beside(struct cp_thread *self, const void *stack, size_t size);
/* The thread ends: a jump may have left something behind. */
void cp_near_end(struct cp_thread *self);
