/* recorded.h - a process that is recorded, and an uploader that keeps every recording it is handed.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/attrs.h"
#include "base/draw.h"
#include "signal/adopt.h"
#include "signal/blocks.h"
#include "signal/live.h"
#include "signal/moving.h"
#include "signal/near.h"
#include "signal/recording.h"
#include "signal/roster.h"
#include "test/unit/unit.h"

/* cmocka's own give up in silence on any thread but the test's. */
CP_UNUSED static void must(int is_so, const char *what)
{
	if (is_so)
		return;
	fprintf(stderr, "not so: %s\n", what);
	abort();
}
#define MUST(what) must(!!(what), #what)

/* ---- an uploader: keeps every recording that it is handed, and beats its heart ---- */

#define MOST 4096

static struct cp_recording *_Atomic held[MOST]; /* by number of renewals */
static _Atomic uint32_t joins;
static int listener;
static size_t held_size; /* of each: it may come when a test has put another in place */

static void hold(struct cp_recording *rec)
{
	MUST(rec->renewals < MOST);
	atomic_store(&rec->uploader_pid, (uint32_t)getpid());
	atomic_store(&rec->heartbeat_ns, cp_now_ns());
	atomic_store(&held[rec->renewals], rec);
}

static void hear(int sock)
{
	struct cp_join join;
	struct iovec iov = {.iov_base = &join, .iov_len = sizeof join};
	char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof control};
	struct cmsghdr *c;
	void *map;
	int fd;

	ssize_t len = recvmsg(sock, &msg, 0);

	if (!len) /* it has looked whether anybody is here */
		return;
	MUST(len == sizeof join);
	c = CMSG_FIRSTHDR(&msg);
	MUST(c);
	memcpy(&fd, CMSG_DATA(c), sizeof fd);
	map = mmap(NULL, held_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(map != MAP_FAILED);
	hold(map);
	close(fd);
	joins++;
}

static void *uploader(void *unused)
{
	int sock;

	while ((sock = accept(listener, NULL, NULL)) >= 0) {
		hear(sock);
		close(sock);
	}
	return unused;
}

/* ---- a process that is recorded ---- */

static struct cp_wiped wiped;
static const struct cp_config no_settings;

CP_UNUSED static int begin(void **state)
{
	struct rlimit limit = {4 << 20, RLIM_INFINITY}, before;
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	struct cp_recording *rec;
	pthread_t thread;
	size_t len;
	int fd;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &before);
	limit.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &limit); /* small tables */
	len = (size_t)snprintf(cp_home.name, sizeof cp_home.name, "cp-%016x", (unsigned)getpid());
	cp_home.uid = (uint32_t)geteuid();
	cp_home.config = &no_settings;
	memcpy(name.sun_path + 1, cp_home.name, len);
	listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	len += offsetof(struct sockaddr_un, sun_path) + 1;
	if (bind(listener, (struct sockaddr *)&name, (socklen_t)len) != 0 ||
	    listen(listener, 16) != 0 || !(rec = cp_recording_make(&fd)))
		return -1;
	cp_state.rec = rec;
	held_size = rec->size;
	cp_state.heap_interval = rec->heap_interval = 1024;
	cp_state.types = CP_TYPE_ALL;
	cp_state.wiped = &wiped;
	wiped.pid = rec->pid;
	wiped.phase = CP_RUNNING;
	hold(mmap(NULL, rec->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	close(fd);
	return cp_live_open(0) || pthread_create(&thread, NULL, uploader, NULL);
}

static size_t stack_to_order(uint64_t n, uint64_t pcs[24])
{
	for (int i = 0; i < 24; i++)
		pcs[i] = 0x400000 + (n >> i & 1) * 0x1000 + 8 * (uint64_t)i;
	return 24;
}

static uint64_t bytes_of(size_t size)
{
	return cp_weight_bytes(cp_weight(size, cp_state.heap_interval), size);
}

/* Bytes of a recording's rows, and of what has no row. */
CP_UNUSED static uint64_t sum(const struct cp_recording *rec, unsigned counter)
{
	struct cp_recording *r = (struct cp_recording *)rec;
	uint64_t total = 0;

	for (uint32_t i = 0; i < r->rows_used && i < r->rows.max; i++)
		if (cp_rows(r)[i].kind == CP_KIND_HEAP)
			total += cp_rows(r)[i].counts.n[counter];
	for (int why = 0; why < CP_LOSSES; why++)
		total += r->lost[CP_KIND_HEAP][why].n[counter];
	return total;
}

CP_UNUSED static uint64_t alive(const struct cp_recording *rec)
{
	return sum(rec, CP_ALLOC_BYTES) + sum(rec, CP_INHERITED_BYTES) - sum(rec, CP_FREED_BYTES);
}

CP_UNUSED static uint64_t threads(const struct cp_recording *rec)
{
	struct cp_recording *r = (struct cp_recording *)rec;
	uint64_t total = 0;

	for (uint32_t i = 0; i < r->rows_used && i < r->rows.max; i++)
		if (cp_rows(r)[i].kind == CP_KIND_THREAD)
			total += cp_rows(r)[i].counts.n[CP_THREADS_MADE] -
				 cp_rows(r)[i].counts.n[CP_THREADS_ENDED];
	for (int why = 0; why < CP_LOSSES; why++)
		total += r->lost[CP_KIND_THREAD][why].n[CP_THREADS_MADE] -
			 r->lost[CP_KIND_THREAD][why].n[CP_THREADS_ENDED];
	return total;
}

/* ---- what happens in it ---- */

static _Atomic uint64_t said; /* bytes of blocks that were counted */

static void *block(uint64_t n)
{
	return (void *)(uintptr_t)(0x7f0000000000 + n * 4096);
}

/* 1: the block is followed. */
CP_UNUSED static int sampled(uint64_t n, size_t size, uint64_t stack)
{
	enum cp_loss why = CP_LOST_BUSY;
	uint64_t pcs[24];
	uint32_t row;
	int followed = 0;

	CP_INSIDE (self) {
		if (cp_awake(self) != 1)
			break;
		row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_HEAP, 0), pcs,
				   stack_to_order(stack, pcs), 0, &why);
		cp_block_count(row, why, CP_ALLOC_OBJECTS, size);
		said += bytes_of(size);
		followed = row != CP_NO_ROW && cp_live_add(block(n), size, row) == 0;
		if (!followed)
			cp_block_count(row, why, CP_FREED_OBJECTS, size);
		cp_moving_look();
	}
	return followed;
}

CP_UNUSED static int made(uint64_t stack, struct cp_made *as)
{
	enum cp_loss why = CP_LOST_PAUSED;
	uint64_t pcs[24];
	uint32_t row = CP_NO_ROW;

	as->counted = 0;
	CP_INSIDE (self) {
		if (cp_awake(self) == 1)
			row = cp_stack_row(cp_state.rec, cp_whose(CP_KIND_THREAD, 0), pcs,
					   stack_to_order(stack, pcs), 0, &why);
		*as = cp_roster_made(row, why);
	}
	return (int)as->counted;
}

CP_UNUSED static void ended(const struct cp_made *as)
{
	CP_INSIDE (self)
		cp_roster_ended(as);
}
