/* tapped.h - a family of a test's own that somebody looks at, and what comes of it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/control.h"
#include "encoder/reader.h"
#include "test/unit/fake_recording.h"
#include "test/unit/unit.h"
#include "uploader/control.h"
#include "uploader/family.h"

#define PID  1234567 /* nobody's: nothing of it is in /proc */
#define HEAP CP_BIT(CP_PROFILE_HEAP)
#define LONG UINT64_C(3600000000000)

struct home {
	char dir[64];
	int done_fd;
	struct cp_family family;
};

struct answer {
	pthread_mutex_t lock;
	pthread_cond_t come;
	int times, error;
	struct cp_bytes profiles[CP_PROFILES];
};

static inline void begin(struct answer *answer)
{
	*answer = (struct answer){0};
	pthread_mutex_init(&answer->lock, NULL);
	pthread_cond_init(&answer->come, NULL);
}

static inline void deliver(void *ctx, struct cp_bytes profiles[CP_PROFILES], int error)
{
	struct answer *answer = ctx;
	pthread_mutex_lock(&answer->lock);
	answer->times++;
	answer->error = error;
	for (int i = 0; i < CP_PROFILES; i++) {
		answer->profiles[i] = profiles[i];
		profiles[i].data = NULL;
	}
	pthread_cond_signal(&answer->come);
	pthread_mutex_unlock(&answer->lock);
}

/* A value of the profile, all samples. */
static inline int64_t value_of(const struct cp_bytes *profile, const char *type)
{
	struct cp_reader *reader;
	struct cp_function_sum *sums;
	size_t count;
	int64_t whole = -1;
	assert_int_equal(cp_reader_open(profile, &reader), 0);
	for (size_t i = 0; i < cp_reader_types(reader); i++) {
		if (strcmp(cp_reader_type(reader, i), type) != 0)
			continue;
		assert_int_equal(cp_reader_sum(reader, i, &sums, &count, &whole), 0);
		free(sums);
	}
	cp_reader_close(reader);
	return whole;
}

/* Waits for it; alloc_space, and inuse_space if somebody wants it. */
static inline int64_t heard(struct answer *answer, int64_t *inuse)
{
	pthread_mutex_lock(&answer->lock);
	while (!answer->times)
		pthread_cond_wait(&answer->come, &answer->lock);
	pthread_mutex_unlock(&answer->lock);
	assert_int_equal(answer->error, 0);
	const struct cp_bytes *heap = &answer->profiles[CP_PROFILE_HEAP];
	assert_true(heap->len > 0);
	int64_t bytes = value_of(heap, "alloc_space");
	if (inuse)
		*inuse = value_of(heap, "inuse_space");
	free(heap->data);
	return bytes;
}

static inline void move_in(struct home *home)
{
	struct cp_family *family = &home->family;
	*home = (struct home){.done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	strcpy(home->dir, "/tmp/conprof-tap-XXXXXX");
	assert_non_null(mkdtemp(home->dir));
	family->epoll = epoll_create1(EPOLL_CLOEXEC);
	family->log = cp_log_new();
	family->symbols = cp_symbols_new();
	family->heartbeat = cp_heartbeat_new();
	family->delivery = cp_delivery_new(family->log, home->done_fd);
	family->encoding =
	    cp_encoding_new(family->log, family->symbols, family->delivery, home->done_fd);
	family->listens = 1;
}

static inline void move_out(struct home *home)
{
	struct cp_family *family = &home->family;
	char command[128];
	cp_encoding_finish(family->encoding, 1000);
	cp_delivery_finish(family->delivery, 10000);
	cp_family_leave(family);
	cp_heartbeat_free(family->heartbeat);
	cp_symbols_free(family->symbols);
	cp_log_free(family->log);
	close(family->epoll);
	close(home->done_fd);
	snprintf(command, sizeof(command), "rm -r %s", home->dir);
	assert_int_equal(system(command), 0); /* NOLINT */
}

/* A process with one row. */
static inline void come(const struct home *home, struct fake *fake, uint32_t renewals)
{
	static const uint64_t frames[] = {0x401000};
	fake_new(fake);
	snprintf(fake->rec->config.agent_socket, sizeof(fake->rec->config.agent_socket), "dir://%s",
		 home->dir);
	snprintf(fake->rec->config.spool_dir, sizeof(fake->rec->config.spool_dir), "%s", home->dir);
	fake->rec->config.period_s = fake->rec->config.cpu_duration_s = 1;
	fake->rec->config.upload_timeout_s = 10;
	fake->rec->renewals = renewals;
	fake_row(fake, CP_KIND_HEAP, 0, frames, 1);
}

static inline void join(struct home *home, struct fake *fake, pid_t pid)
{
	assert_int_equal(cp_family_join(&home->family, fake->fd, pid, -1, 0), 0);
}

static inline void allocate(struct fake *fake, uint64_t bytes, uint64_t freed)
{
	fake_count(fake, 0, CP_ALLOC_OBJECTS, CP_OBJECT_ONE);
	fake_count(fake, 0, CP_ALLOC_BYTES, bytes);
	fake_count(fake, 0, CP_FREED_BYTES, freed);
}

static inline void order(struct home *home, struct answer *answer, uint64_t length_ns, pid_t pid)
{
	const struct cp_tap_order wanted = {.profiles = HEAP,
					    .pid = pid,
					    .length_ns = length_ns,
					    .deliver = deliver,
					    .ctx = answer};
	begin(answer);
	assert_int_equal(cp_tap_open(&home->family, &wanted), 0);
}
