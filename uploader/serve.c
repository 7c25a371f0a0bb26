/* serve.c - `conprof uploader NAME [ELDER]`: the life of an uploader, from its socket to its last
 * delivery.
 */
/* SPDX-License-Identifier: MIT */
#include "uploader/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uploader/claim.h"
#include "uploader/http.h"
#include "uploader/listen.h"
#include "uploader/peers.h"
#include "uploader/rendezvous.h"
#include "uploader/rollcall.h"
#include "uploader/routes.h"
#include "uploader/secrets.h"

#define MS	  UINT64_C(1000000)
#define GRACE_NS  (300 * MS)  /* a family of none: the next child may be on its way */
#define LINGER_NS (2000 * MS) /* everything is out: somebody may ask where, or start it again */
#define FIRST_NS  (5000 * MS) /* nobody has ever come */
#define ROLL_NS	  (1000 * MS) /* who sleeps so long is recorded by us */
#define LAST_NS	  (2000 * MS) /* SIGTERM: targets that got it, too, end by themselves */

enum phase { PHASE_WAITING, PHASE_RECORDING, PHASE_EMPTY, PHASE_FLUSHED, PHASE_STOPPING };

struct server {
	struct cp_family family;
	struct cp_peers peers;
	struct cp_source listener, signals, done, hello[CP_HELLO_LINES];
	enum phase phase;
	uint64_t since_ns; /* of the phase */
};

static void enter(struct server *server, enum phase phase)
{
	server->phase = phase;
	server->since_ns = cp_text_monotonic();
	cp_delivery_hurry(server->family.delivery, phase >= PHASE_EMPTY);
}

static int watch(int epoll, struct cp_source *source)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};
	return source->fd < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, source->fd, &event) ? -errno : 0;
}

static int start(struct server *server)
{
	struct cp_family *family = &server->family;
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGHUP);
	sigaddset(&mask, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &mask, NULL);
	sigdelset(&mask, SIGPIPE);
	server->signals =
	    (struct cp_source){CP_SOURCE_SIGNAL, signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)};
	server->done = (struct cp_source){CP_SOURCE_DONE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
	server->listener.kind = CP_SOURCE_LISTEN;
	family->epoll = server->peers.epoll = epoll_create1(EPOLL_CLOEXEC);
	family->log = cp_log_new();
	family->symbols = cp_symbols_new();
	family->code_room = CP_CODE_ROOM;
	if (!family->log || !family->symbols || family->epoll < 0 || cp_http_start())
		return -ENOMEM;
	family->heartbeat = cp_heartbeat_new();
	family->delivery = cp_delivery_new(family->log, server->done.fd);
	if (family->delivery)
		family->encoding = cp_encoding_new(family->log, family->symbols, family->delivery,
						   server->done.fd);
	family->listener = cp_listener_new(family->log, family->epoll, cp_routes_serve);
	if (!family->heartbeat || !family->encoding || !family->listener)
		return -ENOMEM;
	int error = watch(family->epoll, &server->listener);
	/* a stranger may sit on that name: then who sleeps is not seen until it wakes */
	for (int line = 0; line < CP_HELLO_LINES && !error; line++) {
		int fd = cp_rendezvous_hear(server->peers.name, line);
		server->hello[line] = (struct cp_source){CP_SOURCE_HELLO, fd};
		if (fd >= 0)
			error = watch(family->epoll, &server->hello[line]);
	}
	if (!error)
		error = watch(family->epoll, &server->signals);
	return error ? error : watch(family->epoll, &server->done);
}

static void drain(int fd)
{
	struct signalfd_siginfo ignored;
	while (read(fd, &ignored, sizeof ignored) > 0)
		continue;
}

static void dispatch(struct server *server, struct cp_source *source)
{
	switch (source->kind) {
	case CP_SOURCE_LISTEN:
		cp_peers_accept(&server->peers, source->fd);
		break;
	case CP_SOURCE_HELLO:
		cp_rollcall_hear(&server->family, source->fd);
		break;
	case CP_SOURCE_PEER:
		cp_peers_hear(&server->peers, source);
		break;
	case CP_SOURCE_MEMBER:
		cp_family_ended(&server->family, (struct cp_member *)source);
		break;
	case CP_SOURCE_SIGNAL:
		drain(source->fd);
		if (server->phase != PHASE_STOPPING)
			enter(server, PHASE_STOPPING);
		break;
	case CP_SOURCE_DONE:
		drain(source->fd);
		cp_family_delivered(&server->family, cp_delivery_done(server->family.delivery));
		break;
	case CP_SOURCE_MAIL:
		cp_listener_hear(server->family.listener, &server->family);
		break;
	case CP_SOURCE_ASK:
		cp_mailbox_gone(&server->family, (struct cp_ask *)source);
		break;
	}
}

/* The end of the wait that this phase is; UINT64_MAX: none. */
static uint64_t phase_end(const struct server *server)
{
	switch (server->phase) {
	case PHASE_WAITING:
		return server->since_ns + FIRST_NS;
	case PHASE_EMPTY:
		return server->since_ns + GRACE_NS;
	case PHASE_FLUSHED:
		return server->since_ns + LINGER_NS;
	case PHASE_STOPPING:
		return server->since_ns + LAST_NS;
	case PHASE_RECORDING:
		break;
	}
	return UINT64_MAX;
}

/* Moves from phase to phase; 1 when it is time to go. */
static int advance(struct server *server, uint64_t now)
{
	struct cp_family *family = &server->family;
	int over = now >= phase_end(server);
	if (!family->living && (over || server->phase == PHASE_RECORDING))
		cp_rollcall_look(family, 0); /* who sleeps lives, too */
	switch (server->phase) {
	case PHASE_RECORDING:
		if (!family->living)
			enter(server, PHASE_EMPTY);
		return 0;
	case PHASE_WAITING:
	case PHASE_EMPTY:
	case PHASE_FLUSHED:
		if (family->living)
			enter(server, PHASE_RECORDING);
		else if (server->phase == PHASE_WAITING && family->joins)
			enter(server, PHASE_EMPTY);
		else if (server->phase == PHASE_EMPTY && over) {
			cp_family_flush(family);
			enter(server, PHASE_FLUSHED);
		} else if (server->phase == PHASE_FLUSHED && !cp_family_idle(family))
			server->since_ns = now; /* the lingering begins when all is out */
		else
			return over;
		return 0;
	case PHASE_STOPPING:
		return over || !family->living;
	}
	return 0;
}

static int timeout_ms(const struct server *server, uint64_t now)
{
	uint64_t next = cp_family_next(&server->family);
	uint64_t end = phase_end(server);
	next = end < next ? end : next;
	end = cp_listener_next(server->family.listener);
	next = end < next ? end : next;
	return next <= now ? 0 : (int)((next - now) / MS) + 1;
}

static void loop(struct server *server)
{
	for (;;) {
		/* One event at a time: an event may free what the next one is about. */
		struct epoll_event event;
		uint64_t now = cp_text_monotonic();
		int n = epoll_wait(server->family.epoll, &event, 1, timeout_ms(server, now));
		if (n == 1)
			dispatch(server, event.data.ptr);
		now = cp_text_monotonic();
		if (cp_family_tick(&server->family, now))
			cp_rollcall_look(&server->family, ROLL_NS);
		cp_peers_expire(&server->peers, now);
		cp_listener_tick(server->family.listener, &server->family, now);
		if (!advance(server, now))
			continue;
		/* Whoever connected in the meantime is heard before the door closes. */
		uint64_t joins = server->family.joins;
		cp_peers_accept(&server->peers, server->listener.fd);
		for (int line = 0; line < CP_HELLO_LINES; line++)
			cp_rollcall_hear(&server->family, server->hello[line].fd);
		cp_rollcall_look(&server->family, 0);
		if (server->phase == PHASE_STOPPING || server->family.joins == joins)
			return;
	}
}

static void leave(struct server *server)
{
	struct cp_family *family = &server->family;
	uint32_t seconds = family->upload_timeout_s ? family->upload_timeout_s : 1;
	/* first: the next uploader takes all names, by the listener's */
	for (int line = 0; line < CP_HELLO_LINES; line++)
		if (server->hello[line].fd >= 0)
			close(server->hello[line].fd);
	close(server->listener.fd);
	cp_listener_close(family->listener, family);
	if (family->encoding)
		cp_family_flush(family);
	cp_encoding_finish(family->encoding, seconds * 1000);
	cp_listener_free(family->listener, family);
	family->listener = NULL;
	/* Who waits in its exit waits for this; the heartbeat goes on meanwhile. */
	cp_delivery_finish(family->delivery, seconds * 1000);
	family->delivery = NULL;
	if (family->heartbeat)
		cp_family_leave(family);
	cp_peers_close(&server->peers);
	cp_heartbeat_free(family->heartbeat);
	cp_symbols_free(family->symbols);
	cp_http_stop();
	cp_log_line(family->log, CP_DEBUG, "the uploader leaves");
	cp_log_free(family->log);
}

/* As the library starts us all this is so already; by hand, or from a target that ignores signals,
 * it is not. */
static void settle(void)
{
	sigset_t none;
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	umask(077);
	if (chdir("/"))
		return;
}

int cp_serve(const char *name, const char *elder)
{
	struct server server = {.peers = {.name = name, .family = &server.family}};
	for (int line = 0; line < CP_HELLO_LINES; line++)
		server.hello[line] = (struct cp_source){CP_SOURCE_HELLO, -1};
	settle();
	cp_secrets_take();
	int inherited = cp_claim_has_inherited();
	if (inherited && elder && !cp_claim_elder(elder))
		return 0;
	server.listener.fd = cp_claim_name(name, inherited);
	if (server.listener.fd == -EALREADY)
		return 0;
	if (server.listener.fd < 0) {
		fprintf(stderr, "conprof: %s: %s\n", name, cp_text_error(server.listener.fd));
		return 1;
	}
	int error = start(&server);
	if (!error) {
		enter(&server, PHASE_WAITING);
		if (inherited)
			cp_peers_add(&server.peers, CP_CLAIM_INHERITED);
		loop(&server);
	}
	leave(&server);
	if (error)
		fprintf(stderr, "conprof: the uploader can not start: %s\n", cp_text_error(error));
	return error ? 1 : 0;
}
