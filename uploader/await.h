/* await.h - waiting, bounded, until the uploader of a process has delivered, and telling where. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/types.h>

#include "uploader/text.h"

struct cp_await {
	pid_t pid;	     /* the process, alive or ended */
	uint64_t since_ns;   /* what was uploaded before is somebody else's; monotonic */
	char name[32];	     /* its uploader's rendezvous; empty: not found yet */
	struct cp_text last; /* the uploader's last answer */
	int over;	     /* it has ended: now is the time to be patient */
	int asked;	     /* to deliver now */
};

/* Looks through the uploaders of this user for the one that records the process. */
void cp_await_find(struct cp_await *await);
/* After its end: has its last profiles delivered, waits for that, and says where they are. */
void cp_await_delivery(struct cp_await *await, int seconds, int quiet);
/* The files of an upload, ".heap.pprof.cpu.pprof": how long the first one's name is, two words; 0:
 * there is none. */
size_t cp_await_file(const char *files);
/* Whether its uploader says that memory had run out. */
int cp_await_oom(const struct cp_await *await);
void cp_await_free(struct cp_await *await);
