/* pushed.h - a parcel of two requests, and a server of series that answers as it is told. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "encoder/arena.h"
#include "pprof.pb-c.h"
#include "push.pb-c.h"
#include "unit.h"
#include "uploader/push.h"

/* ---- a server that answers one request after the other as it is told ---- */
#define NAME_LEN 600
#define SAMPLES	 3200

struct server {
	int listener, port;
	const char *answers; /* a letter each: o: 200, b: 503, r: 400 */
	size_t asked;
	char ids[64][37]; /* of what was answered by 200 */
	size_t id_count;
	int64_t sum;
	pthread_t thread;
	struct cp_address address;
};

static void take_in(struct server *server, const uint8_t *body, size_t len)
{
	struct cp_bytes packed = {(uint8_t *)(uintptr_t)body, len}, plain;
	assert_int_equal(cp_unpack(&packed, &plain, 64 << 20), 0);
	Cp__PushRequest *request = cp__push_request__unpack(NULL, plain.len, plain.data);
	size_t bytes = 0;
	assert_non_null(request);
	for (size_t i = 0; i < request->n_series; i++)
		for (size_t j = 0; j < request->series[i]->n_samples; j++) {
			const Cp__PushSample *sample = request->series[i]->samples[j];
			Cp__Profile *it = cp__profile__unpack(NULL, sample->raw_profile.len,
							      sample->raw_profile.data);
			assert_non_null(it);
			assert_true(sample->raw_profile.len <= 1 << 20);
			bytes += sample->raw_profile.len;
			for (size_t n = 0; n < it->n_sample; n++)
				server->sum += it->sample[n]->value[0];
			cp__profile__free_unpacked(it, NULL);
			for (size_t n = 0; n < server->id_count; n++)
				assert_string_not_equal(server->ids[n], sample->id);
			snprintf(server->ids[server->id_count++], 37, "%s", sample->id);
		}
	assert_true(bytes <= 2 << 20);
	cp__push_request__free_unpacked(request, NULL);
	free(plain.data);
}

static size_t receive(int fd, char *buffer, size_t room, const char **body)
{
	size_t len = 0, want = SIZE_MAX;
	while (len < want && len < room - 1) {
		ssize_t n = recv(fd, buffer + len, room - 1 - len, 0);
		if (n <= 0)
			return 0;
		len += (size_t)n;
		buffer[len] = '\0';
		const char *end = memmem(buffer, len, "\r\n\r\n", 4);
		const char *told = strstr(buffer, "Content-Length: ");
		if (!end || !told)
			continue;
		*body = end + 4;
		want = (size_t)(*body - buffer) + strtoul(told + 16, NULL, 10);
	}
	return len - (size_t)(*body - buffer);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	char *buffer = malloc(4 << 20);
	const char *body = NULL;
	int fd;
	while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
		size_t len = receive(fd, buffer, 4 << 20, &body);
		char answer = server->answers[server->asked];
		if (answer)
			server->asked++;
		if (answer == 'o')
			take_in(server, (const uint8_t *)body, len);
		const char *text = answer == 'o' ? "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
				   : answer == 'b'
				       ? "HTTP/1.1 503 No\r\nRetry-After: 7\r\n"
					 "Content-Length: 0\r\n\r\n"
				       : "HTTP/1.1 400 No\r\nContent-Length: 2\r\n\r\nno";
		send(fd, text, strlen(text), MSG_NOSIGNAL);
		close(fd);
	}
	free(buffer);
	return NULL;
}

static void start(struct server *server, const char *answers)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;
	char text[64];
	*server = (struct server){.answers = answers};
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(server->listener, 4), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &len), 0);
	server->port = ntohs(at.sin_port);
	snprintf(text, sizeof text, "pyroscope+http://127.0.0.1:%d", server->port);
	assert_int_equal(cp_address_parse(text, &server->address), 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
	shutdown(server->listener, SHUT_RDWR);
	pthread_join(server->thread, NULL);
	close(server->listener);
}

/* So many samples, each of a function of its own: 1 MiB has room for some 1650. */
static struct cp_bytes make_profile(size_t samples)
{
	struct cp_arena memory = {0};
	Cp__Profile it = CP__PROFILE__INIT;
	Cp__ValueType type = CP__VALUE_TYPE__INIT, *types[] = {&type};
	it.sample_type = types;
	it.n_sample_type = 1;
	it.string_table = cp_arena_take(&memory, (samples + 1) * sizeof(void *));
	it.string_table[0] = (char *)(uintptr_t) "";
	it.function = cp_arena_take(&memory, samples * sizeof(void *));
	it.location = cp_arena_take(&memory, samples * sizeof(void *));
	it.sample = cp_arena_take(&memory, samples * sizeof(void *));
	for (uint64_t i = 0; i < samples; i++) {
		char *name = it.string_table[i + 1] = cp_arena_take(&memory, NAME_LEN + 1);
		memset(name, 'x', NAME_LEN);
		name[snprintf(name, NAME_LEN, "%u", (unsigned)i)] = '_';
		cp__function__init(it.function[i] = cp_arena_take(&memory, sizeof(Cp__Function)));
		it.function[i]->id = i + 1;
		it.function[i]->name = (int64_t)i + 1;
		cp__location__init(it.location[i] = cp_arena_take(&memory, sizeof(Cp__Location)));
		it.location[i]->id = i + 1;
		it.location[i]->line = cp_arena_take(&memory, sizeof(void *));
		cp__line__init(*it.location[i]->line = cp_arena_take(&memory, sizeof(Cp__Line)));
		it.location[i]->line[0]->function_id = i + 1;
		it.location[i]->n_line = 1;
		cp__sample__init(it.sample[i] = cp_arena_take(&memory, sizeof(Cp__Sample)));
		it.sample[i]->location_id = &it.location[i]->id;
		it.sample[i]->n_location_id = 1;
		it.sample[i]->value = cp_arena_take(&memory, sizeof(int64_t));
		it.sample[i]->value[0] = (int64_t)i + 1;
		it.sample[i]->n_value = 1;
	}
	it.n_string_table = samples + 1;
	it.n_function = it.n_location = it.n_sample = samples;
	struct cp_bytes bytes = {malloc(cp__profile__get_packed_size(&it)), 0};
	bytes.len = cp__profile__pack(&it, bytes.data);
	cp_arena_free(&memory);
	return bytes;
}

static struct cp_parcel *make_parcel(void)
{
	struct cp_parcel *parcel = cp_parcel_new();
	snprintf(parcel->stem, sizeof parcel->stem, "x-1-20260101T000000Z-0");
	cp_text_add(&parcel->event, "{\"tags_profiler\":\"service:x\"}\n");
	parcel->profiles[CP_PROFILE_CPU] = make_profile(SAMPLES);
	return parcel;
}

#define WHOLE ((int64_t)SAMPLES * (SAMPLES + 1) / 2)
