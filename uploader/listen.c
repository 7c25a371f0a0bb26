/* listen.c - CONPROF_LISTEN: an HTTP server, a thread of its own, for whoever pulls. */
/* SPDX-License-Identifier: MIT */
#include "uploader/listen.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/attrs.h"
#include "uploader/socket.h"

#define AGAIN_NS UINT64_C(30000000000)
/* All together, so that nobody takes the uploader's descriptors or memory away. */
#define CONNECTIONS_MAX 64u
#define MACHINE_MAX	32u		   /* of them, by one address where others reach us */
#define REQUEST_MAX	((size_t)32 << 10) /* the request's line and headers */
/* Of a client that says nothing while its request is not whole; that does not read its answer. */
#define SILENCE_S 5u
#define READING_S 30u

struct cp_listener {
	struct cp_source mail; /* the box's, in the main loop */
	struct cp_log *log;
	struct cp_mailbox box;
	cp_serve_fn *serve;
	struct MHD_Daemon *daemon;
	struct cp_socket socket;
	struct cp_endpoint asked;
	const char *state; /* for people; NULL: nobody asked for it */
	uint64_t next_ns;
	char setting[128];
	char machine[64]; /* our host's name */
};

static void suspend(void *connection)
{
	MHD_suspend_connection(connection);
}

static void resume(void *connection)
{
	MHD_resume_connection(connection);
}

struct cp_listener *cp_listener_new(struct cp_log *log, int epoll, cp_serve_fn *serve)
{
	struct cp_listener *listener = calloc(1, sizeof *listener);
	if (!listener || cp_mailbox_open(&listener->box, epoll)) {
		free(listener);
		return NULL;
	}
	listener->log = log;
	listener->serve = serve;
	listener->socket.fd = -1;
	listener->box.suspend = suspend;
	listener->box.resume = resume;
	listener->mail = (struct cp_source){CP_SOURCE_MAIL, listener->box.wake_fd};
	if (gethostname(listener->machine, sizeof listener->machine - 1))
		listener->machine[0] = '\0';
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener->mail};
	if (!epoll_ctl(epoll, EPOLL_CTL_ADD, listener->mail.fd, &event))
		return listener;
	cp_mailbox_close(&listener->box, NULL);
	free(listener);
	return NULL;
}

/* A request's first line is there: its letter. */
static void *begin(void *cls CP_UNUSED, const char *uri,
		   struct MHD_Connection *connection CP_UNUSED)
{
	return cp_ask_new(uri);
}

/* How long it may be silent from now on. */
static void set_patience(struct MHD_Connection *connection, unsigned seconds)
{
	MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, seconds);
}

static void end(void *cls CP_UNUSED, struct MHD_Connection *connection, void **ask,
		enum MHD_RequestTerminationCode why)
{
	if (why == MHD_REQUEST_TERMINATED_COMPLETED_OK) /* it may ask again */
		set_patience(connection, SILENCE_S);
	cp_ask_free(*ask);
	*ask = NULL;
}

/* What may be asked at all, by whom. Whatever else is wrong has its answer already. */
static void admit(const struct cp_listener *listener, struct cp_ask *ask,
		  struct MHD_Connection *connection, const char *method)
{
	const char *host = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host");
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	ask->connection = connection;
	ask->source.fd = info ? info->connect_fd : -1;
	if (ask->status)
		return;
	if (!host || !cp_endpoint_is_host(&listener->socket.is, host, listener->machine)) {
		cp_ask_error(ask, 400, "400 Bad Request: Host is none of ours");
		return;
	}
	if (strcmp(method, "GET") == 0)
		ask->method = CP_GET;
	else if (strcmp(method, "HEAD") == 0)
		ask->method = CP_HEAD;
	else if (strcmp(method, "POST") == 0)
		ask->method = CP_POST;
	else
		cp_ask_error(ask, 405, "405 Method Not Allowed");
}

static enum MHD_Result reply(struct MHD_Connection *connection, struct cp_ask *ask)
{
	void *data = ask->fixed ? (void *)(uintptr_t)ask->fixed : ask->content.data;
	enum MHD_ResponseMemoryMode mode =
	    ask->fixed || !data ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE;
	struct MHD_Response *response =
	    MHD_create_response_from_buffer(ask->content.len, data, mode);
	if (!response)
		return MHD_NO;
	ask->content = (struct cp_bytes){0}; /* the response's now */
	MHD_add_response_header(response, "Content-Type", ask->type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(response, "Cache-Control", "no-store");
	for (unsigned i = 0; i < ask->header_count; i++)
		MHD_add_response_header(response, ask->headers[i].name, ask->headers[i].value);
	if (ask->status == 405)
		MHD_add_response_header(response, "Allow", "GET, HEAD");
	enum MHD_Result result = MHD_queue_response(connection, ask->status, response);
	MHD_destroy_response(response);
	return result;
}

/* Called for the headers, for each piece of a body, at its end, and when it goes on again. */
/* NOLINTNEXTLINE(readability-function-size): the type is libmicrohttpd's */
static enum MHD_Result converse(void *cls, struct MHD_Connection *connection,
				const char *url CP_UNUSED, const char *method,
				const char *version CP_UNUSED, const char *upload,
				size_t *upload_len, void **request)
{
	struct cp_listener *listener = cls;
	struct cp_ask *ask = *request;
	if (!ask)
		return MHD_NO;
	if (!ask->connection) {
		admit(listener, ask, connection, method);
		return ask->status ? reply(connection, ask) : MHD_YES;
	}
	if (*upload_len) {
		cp_ask_add_body(ask, upload, *upload_len);
		*upload_len = 0;
		return MHD_YES;
	}
	if (ask->status)
		return reply(connection, ask);
	set_patience(connection, READING_S);
	/* From here on the main loop may be writing it. Where nobody takes it any more it has its
	 * answer at once. */
	return cp_mailbox_post(&listener->box, ask) ? reply(connection, ask) : MHD_YES;
}

/* The daemon's lines are about single clients: whoever asks for debugging has them. */
__attribute__((format(printf, 2, 0))) static void note(void *cls, const char *format, va_list args)
{
	const struct cp_listener *listener = cls;
	char line[200];
	vsnprintf(line, sizeof line, format, args);
	line[strcspn(line, "\n")] = '\0';
	cp_log_line(listener->log, CP_DEBUG, "listener: %s", line);
}

static struct MHD_Daemon *start(struct cp_listener *listener)
{
	const unsigned flags =
	    MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
	/* Behind loopback all have one address: there a limit would shut out whom it is for. */
	const unsigned each = listener->socket.is.local ? 0 : MACHINE_MAX;
	return MHD_start_daemon(
	    flags, 0, NULL, NULL, converse, listener, MHD_OPTION_EXTERNAL_LOGGER, note, listener,
	    MHD_OPTION_LISTEN_SOCKET, listener->socket.fd, MHD_OPTION_CONNECTION_LIMIT,
	    CONNECTIONS_MAX, MHD_OPTION_PER_IP_CONNECTION_LIMIT, each,
	    MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	    REQUEST_MAX, MHD_OPTION_URI_LOG_CALLBACK, begin, listener, MHD_OPTION_NOTIFY_COMPLETED,
	    end, listener, MHD_OPTION_END);
}

static void refuse(struct cp_listener *listener, const char *state, const char *why)
{
	listener->state = state;
	cp_log_change(listener->log, CP_TOPIC_LISTEN, CP_ERROR, "CONPROF_LISTEN=%s: %s",
		      listener->setting, why);
}

/* The first time: what the setting says. 0, or -EINVAL: it will never be opened. */
static int understand(struct cp_listener *listener, const char *setting, int anywhere)
{
	snprintf(listener->setting, sizeof listener->setting, "%s", setting);
	if (cp_endpoint_parse(setting, &listener->asked)) {
		refuse(
		    listener, "wrong",
		    "is none of 127.0.0.1:PORT, [::1]:PORT, :PORT, localhost:PORT, unix:///path");
		return -EINVAL;
	}
	if (!listener->asked.local && !anywhere) {
		refuse(listener, "refused",
		       "other machines reach it: only with CONPROF_LISTEN_ANYWHERE=1");
		return -EINVAL;
	}
	return 0;
}

static void try(struct cp_listener *listener)
{
	char at[128];
	int error = cp_socket_open(&listener->socket, &listener->asked);
	if (error) {
		refuse(listener, error == -EADDRINUSE ? "taken" : "failed", cp_text_error(error));
		return;
	}
	listener->daemon = start(listener);
	if (!listener->daemon) {
		cp_socket_remove(&listener->socket);
		close(listener->socket.fd);
		listener->socket.fd = -1;
		refuse(listener, "failed", "the server does not start");
		return;
	}
	listener->state = "open";
	cp_endpoint_write(&listener->socket.is, at);
	cp_log_change(listener->log, CP_TOPIC_LISTEN, CP_INFO, "listening at %s", at);
}

void cp_listener_tick(struct cp_listener *listener, struct cp_family *family, uint64_t now_ns)
{
	cp_mailbox_tick(&listener->box, family, now_ns);
	if (listener->daemon || !family->listen[0] || now_ns < listener->next_ns)
		return;
	listener->next_ns = now_ns + AGAIN_NS;
	if (!listener->state && understand(listener, family->listen, family->listen_anywhere))
		listener->next_ns = UINT64_MAX;
	else
		try(listener);
}

void cp_listener_hear(struct cp_listener *listener, struct cp_family *family)
{
	uint64_t count;
	while (read(listener->mail.fd, &count, sizeof count) > 0)
		continue;
	cp_mailbox_take(&listener->box, family, listener->serve);
}

struct cp_mailbox *cp_listener_box(struct cp_listener *listener)
{
	return &listener->box;
}

uint64_t cp_listener_next(const struct cp_listener *listener)
{
	return cp_mailbox_next(&listener->box);
}

void cp_listener_status(const struct cp_listener *listener, struct cp_text *out)
{
	char at[128];
	if (!listener || !listener->state)
		return;
	snprintf(at, sizeof at, "%s", listener->setting);
	if (listener->daemon)
		cp_endpoint_write(&listener->socket.is, at);
	cp_text_add(out, "listen");
	cp_text_add_field(out, "address", at);
	cp_text_addf(out, "\tstate=%s\tanswered=%llu\n", listener->state,
		     (unsigned long long)listener->box.answered);
}

void cp_listener_close(struct cp_listener *listener, struct cp_family *family)
{
	if (!listener)
		return;
	cp_socket_remove(&listener->socket);
	/* who waits is answered first: the daemon cannot end while one does */
	cp_mailbox_shut(&listener->box, family);
	if (listener->daemon)
		MHD_stop_daemon(listener->daemon); /* closes the socket, too */
	listener->daemon = NULL;
	listener->next_ns = UINT64_MAX;
	listener->state = "closed";
}

void cp_listener_free(struct cp_listener *listener, struct cp_family *family)
{
	if (!listener)
		return;
	cp_mailbox_close(&listener->box, family);
	free(listener);
}
