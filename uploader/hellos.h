/* hellos.h - the sockets that hear the hellos of processes that sleep.
 *
 * Who says hello wakes us, and pays for that: as much as for all the rest of it. So when one has
 * been heard we rest for a moment, in which hellos wait in the kernel's queues and wake nobody; but
 * not when so many come that the queues might be full. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

#define CP_HELLOS_REST_NS UINT64_C(20000000)
#define CP_HELLOS_BUSY_NS UINT64_C(1000000000)
#define CP_HELLOS_MANY	  64 /* of at least ten in each line that the kernel keeps */

/* Zero is closed. */
struct cp_hellos {
	struct cp_source source; /* an epoll of the lines, in the main loop's */
	int line[CP_HELLO_LINES];
	int epoll; /* the main loop's */
	int is_open;
	uint64_t rest_ns; /* until then they wake nobody; 0: they wake us */
	uint64_t busy_ns; /* until then there is no rest */
};

/* By this name, seen to in that epoll. 0 or -errno. */
int cp_hellos_open(struct cp_hellos *hellos, const char *name, int epoll);
/* Hears all that wait; how many that were. */
unsigned cp_hellos_hear(const struct cp_hellos *hellos, struct cp_family *family);
/* The source has woken us. */
void cp_hellos_woken(struct cp_hellos *hellos, struct cp_family *family, uint64_t now);
/* If there is a rest it ends: all that wait are heard, and 1. */
int cp_hellos_first(struct cp_hellos *hellos, struct cp_family *family);
/* When to tick; UINT64_MAX: no need to. */
uint64_t cp_hellos_next(const struct cp_hellos *hellos);
void cp_hellos_tick(struct cp_hellos *hellos, uint64_t now);
void cp_hellos_close(struct cp_hellos *hellos);
