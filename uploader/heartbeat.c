/* heartbeat.c - the thread that tells the targets that somebody holds their recording. */
/* SPDX-License-Identifier: MIT */
#include "uploader/heartbeat.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "uploader/text.h"

struct cp_heartbeat {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct cp_recording **headers;
	size_t count, room;
	int stop;
};

static void set(struct cp_recording *header, uint64_t value)
{
	/* relaxed: the word stands alone, the target orders nothing by it */
	atomic_store_explicit(&header->heartbeat_ns, value, memory_order_relaxed);
}

static void *beat(void *arg)
{
	struct cp_heartbeat *heartbeat = arg;
	pthread_mutex_lock(&heartbeat->lock);
	while (!heartbeat->stop) {
		uint64_t now = cp_text_monotonic();
		for (size_t i = 0; i < heartbeat->count; i++)
			set(heartbeat->headers[i], now);
		uint64_t next = now + 1000000000u;
		struct timespec ts = {.tv_sec = (time_t)(next / 1000000000u),
				      .tv_nsec = (long)(next % 1000000000u)};
		pthread_cond_timedwait(&heartbeat->wake, &heartbeat->lock, &ts);
	}
	pthread_mutex_unlock(&heartbeat->lock);
	return NULL;
}

struct cp_heartbeat *cp_heartbeat_new(void)
{
	struct cp_heartbeat *heartbeat = calloc(1, sizeof *heartbeat);
	pthread_condattr_t attributes;
	if (!heartbeat)
		return NULL;
	pthread_mutex_init(&heartbeat->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&heartbeat->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (!pthread_create(&heartbeat->thread, NULL, beat, heartbeat))
		return heartbeat;
	free(heartbeat);
	return NULL;
}

static int make_room(struct cp_heartbeat *heartbeat)
{
	if (heartbeat->count < heartbeat->room)
		return 0;
	size_t room = heartbeat->room ? heartbeat->room * 2 : 16;
	struct cp_recording **more = realloc(heartbeat->headers, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	heartbeat->headers = more;
	heartbeat->room = room;
	return 0;
}

int cp_heartbeat_add(struct cp_heartbeat *heartbeat, struct cp_recording *header)
{
	pthread_mutex_lock(&heartbeat->lock);
	int error = make_room(heartbeat);
	if (!error) {
		heartbeat->headers[heartbeat->count++] = header;
		set(header, cp_text_monotonic());
	}
	pthread_mutex_unlock(&heartbeat->lock);
	return error;
}

void cp_heartbeat_remove(struct cp_heartbeat *heartbeat, const struct cp_recording *header)
{
	pthread_mutex_lock(&heartbeat->lock);
	for (size_t i = 0; i < heartbeat->count; i++)
		if (heartbeat->headers[i] == header)
			heartbeat->headers[i--] = heartbeat->headers[--heartbeat->count];
	pthread_mutex_unlock(&heartbeat->lock);
}

void cp_heartbeat_leave(struct cp_heartbeat *heartbeat)
{
	pthread_mutex_lock(&heartbeat->lock);
	for (size_t i = 0; i < heartbeat->count; i++)
		set(heartbeat->headers[i], CP_HEARTBEAT_LEFT);
	heartbeat->count = 0;
	pthread_mutex_unlock(&heartbeat->lock);
}

void cp_heartbeat_free(struct cp_heartbeat *heartbeat)
{
	if (!heartbeat)
		return;
	pthread_mutex_lock(&heartbeat->lock);
	heartbeat->stop = 1;
	pthread_cond_signal(&heartbeat->wake);
	pthread_mutex_unlock(&heartbeat->lock);
	pthread_join(heartbeat->thread, NULL);
	pthread_cond_destroy(&heartbeat->wake);
	pthread_mutex_destroy(&heartbeat->lock);
	free(heartbeat->headers);
	free(heartbeat);
}
