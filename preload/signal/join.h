/* join.h - handing the recording over: to the uploader that is there, or to one that is started. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "signal/state.h"

enum cp_joined { CP_JOIN_FAILED = -1, CP_JOINED_FAMILY, CP_JOINED_FOUNDER };

/* Hands the descriptor of a recording to the uploader, and starts one if nobody is listening. The
 * kernel keeps the message until it is fetched, so nothing here waits for the other process, but
 * starting one takes its exec's time. token: what proves that we are family. On failure the cause
 * is in errno. The descriptor stays the caller's. Runs anywhere. */
enum cp_joined cp_join(struct cp_recording *rec, int fd, const uint8_t token[16]);

/* The same in two steps, without starting anybody: a socket, the caller's to close, or -errno; and
 * the message over it, 0 or -1. */
int cp_join_reach(void);
int cp_join_over(int sock, const struct cp_recording *rec, int fd);

/* Nobody listens any more where the uploader with this pid of its own did, or somebody else does.
 */
int cp_join_is_gone(uint32_t pid);

/* The uploader with this pid of its own is dead, without a doubt; and told at once, where the above
 * is to be asked only when it has been silent. Costs one call while it lives. */
int cp_join_has_died(uint32_t pid);

/* "I am here, and asleep." No descriptor goes with it, and nothing that a stranger on the name
 * should not know. 0: somebody has it. -1: nobody is there, or nobody who listens now. */
int cp_join_hello(void);

/* "I am exiting: take what there is." No descriptor goes with it. 0 or -1. */
int cp_join_goodbye(struct cp_recording *rec);
