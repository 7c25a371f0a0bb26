/* asked.h - a listener of a test's own, and clients that ask it. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "unit.h"
#include "uploader/endpoint.h"
#include "uploader/listen.h"

#define MS UINT64_C(1000000)

static struct cp_family family;
static struct cp_log *log_;
static int served, gone, asked_len;
static char folder[64], asked[256];

static inline void on_gone(struct cp_family *f, struct cp_ask *ask)
{
	assert_ptr_equal(f, &family);
	assert_string_equal(ask->path, "/wait");
	gone++;
}

static inline void on_due(struct cp_family *f, struct cp_ask *ask)
{
	(void)f;
	cp_ask_fixed(ask, 200, "text/plain", "waited\n", 7);
}

static inline void serve(struct cp_family *f, struct cp_ask *ask)
{
	struct cp_text text = {0};
	assert_ptr_equal(f, &family);
	served++;
	snprintf(asked, sizeof asked, "%d %s ? %s", (int)ask->method, ask->path, ask->query);
	asked_len = (int)ask->body.len;
	if (strcmp(ask->path, "/wait") == 0 || strcmp(ask->path, "/soon") == 0) {
		ask->gone = on_gone;
		ask->due = on_due;
		ask->due_ns = cp_text_monotonic() + (ask->path[1] == 's' ? 20 : 3600000) * MS;
	} else if (strcmp(ask->path, "/none") == 0) {
		cp_ask_error(ask, 404, "%s is not here", ask->path);
	} else if (strcmp(ask->path, "/large") == 0) {
		for (int i = 0; i < 1 << 18; i++)
			cp_text_add(&text, "0123456789abcdef");
		cp_ask_text(ask, "application/octet-stream", &text);
	} else {
		cp_text_addf(&text, "this is %s", ask->path);
		cp_ask_header(ask, "Content-Disposition", "attachment; filename=\"x\"");
		cp_ask_text(ask, "text/plain", &text);
	}
}

static inline int start(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/conprof-unit-XXXXXX");
	family = (struct cp_family){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	log_ = cp_log_new();
	served = gone = 0;
	return !mkdtemp(folder) || !(family.listener = cp_listener_new(log_, family.epoll, serve));
}

static inline int stop(void **state)
{
	char command[128];
	(void)state;
	cp_listener_close(family.listener, &family);
	cp_listener_free(family.listener, &family);
	cp_log_free(log_);
	close(family.epoll);
	snprintf(command, sizeof command, "rm -rf %s", folder);
	return system(command);
}

/* What the main loop does, once. */
static inline void turn(int timeout_ms)
{
	struct epoll_event event;
	int n = epoll_wait(family.epoll, &event, 1, timeout_ms);
	struct cp_source *source = n == 1 ? event.data.ptr : NULL;
	if (source && source->kind == CP_SOURCE_MAIL)
		cp_listener_hear(family.listener, &family);
	else if (source)
		cp_mailbox_gone(&family, (struct cp_ask *)source);
	cp_listener_tick(family.listener, &family, cp_text_monotonic());
}

static inline void status(const struct cp_listener *listener, char out[256])
{
	struct cp_text text = {0};
	cp_listener_status(listener, &text);
	snprintf(out, 256, "%s", text.data ? text.data : "");
	cp_text_free(&text);
}

/* Opens a unix socket, or a port, and says where it is. */
static inline struct cp_endpoint open_at(const char *setting)
{
	struct cp_endpoint at;
	char line[256], *address;
	snprintf(family.listen, sizeof family.listen, "%s", setting);
	turn(0);
	status(family.listener, line);
	assert_non_null(strstr(line, "\tstate=open\t"));
	address = strstr(line, "address=") + 8;
	address[strcspn(address, "\t")] = '\0';
	assert_int_equal(cp_endpoint_parse(address, &at), 0);
	return at;
}

static inline int connect_to(const struct cp_endpoint *at)
{
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(at->at.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
	assert_return_code(connect(fd, &at->at.any, at->len), errno);
	return fd;
}

struct client {
	const struct cp_endpoint *at;
	const char *request;
	char reply[4096];
	size_t len;
	atomic_int done;
	pthread_t thread;
};

static inline void *talk(void *arg)
{
	struct client *client = arg;
	char rest[4096];
	ssize_t n;
	int fd = connect_to(client->at);
	if (send(fd, client->request, strlen(client->request), MSG_NOSIGNAL) < 0)
		client->len = 0;
	while ((n = recv(fd, rest, sizeof rest, 0)) > 0) {
		size_t room = sizeof client->reply - 1 - client->len;
		size_t kept = client->len < sizeof client->reply - 1 ? (size_t)n : 0;
		kept = kept < room ? kept : room;
		memcpy(client->reply + (client->len < 4095 ? client->len : 0), rest, kept);
		client->len += (size_t)n;
	}
	close(fd);
	atomic_store(&client->done, 1);
	return NULL;
}

/* A client of its own thread, and the loop until it is done. The request asks for "close". */
static inline struct client *ask(const struct cp_endpoint *at, const char *request)
{
	static struct client client;
	memset(&client, 0, sizeof client);
	client.at = at;
	client.request = request;
	assert_int_equal(pthread_create(&client.thread, NULL, talk, &client), 0);
	while (!atomic_load(&client.done))
		turn(5);
	pthread_join(client.thread, NULL);
	return &client;
}

#define GET(path, host) "GET " path " HTTP/1.1\r\nHost: " host "\r\nConnection: close\r\n\r\n"

static inline void expect(const struct client *client, const char *status_line, const char *body)
{
	const char *end = strstr(client->reply, "\r\n\r\n");
	if (strncmp(client->reply, status_line, strlen(status_line)) != 0)
		fail_msg("expected %s, got %s", status_line, client->reply);
	assert_non_null(end);
	assert_string_equal(end + 4, body);
}
