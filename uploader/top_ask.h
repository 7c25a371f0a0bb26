/* top_ask.h - what there is to be looked at by `conprof top`, and the looks. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"
#include "uploader/glance.h"

struct cp_top_target {
	char name[32]; /* of the uploader's rendezvous */
	uint64_t program;
	pid_t pid; /* 0: all of its processes */
	char service[256];
	unsigned processes;
};

/* The programs that live, of all uploaders that answer to us: all of them, or those that a PID, a
 * name or a path of an executable means. How many, at most `most`. */
size_t cp_top_find(const char *wanted, struct cp_top_target *targets, size_t most);
/* Asks what it does from now on for so long: a socket on which the answer will come, or -errno. */
int cp_top_ask(const struct cp_top_target *target, enum cp_profile profile, unsigned length_ms);
/* The answer that is there: 0 and the profile, data to be freed, len 0 when this is not recorded;
 * -errno, -ESRCH when the program is gone. Closes the socket. */
int cp_top_hear(int socket, struct cp_bytes *bytes);
