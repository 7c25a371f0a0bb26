/* peers.c - connections to the rendezvous: who may speak, and what was said. */
/* SPDX-License-Identifier: MIT */
#include "uploader/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uploader/control.h"
#include "uploader/glance.h"
#include "uploader/rendezvous.h"
#include "uploader/rollcall.h"
#include "uploader/status.h"
#include "uploader/tap.h"

#define PEERS_MAX   256u
#define PATIENCE_NS UINT64_C(5000000000)
/* More than can wait at one time: who sends faster than we read shall not keep us from others. */
#define AT_ONCE 4096

struct cp_peer {
	struct cp_source source;
	struct cp_peer *next;
	uint64_t since_ns;
	uint64_t number; /* no other peer ever has it */
	int handed;	 /* came through another uploader: may not hand over itself */
};

static void drop(struct cp_peers *peers, struct cp_peer *peer)
{
	for (struct cp_peer **at = &peers->first; *at; at = &(*at)->next)
		if (*at == peer) {
			*at = peer->next;
			peers->count--;
			break;
		}
	/* Of a handed-over socket the other uploader may still hold a descriptor: then close()
	 * alone would leave it in the set, with a pointer to what is freed here. */
	epoll_ctl(peers->epoll, EPOLL_CTL_DEL, peer->source.fd, NULL);
	close(peer->source.fd);
	free(peer);
}

static void refuse(struct cp_peers *peers, pid_t pid, const char *why)
{
	peers->family->refused++;
	cp_log_change(peers->family->log, CP_TOPIC_JOIN, CP_WARNING,
		      "a message of process %d is refused: %s", (int)pid, why);
}

static void join(struct cp_peers *peers, int socket, int recording, pid_t pid, unsigned how)
{
	int pidfd = cp_rendezvous_pidfd(socket, pid);
	how |= pidfd == -ESRCH ? CP_JOIN_GONE : 0;
	cp_family_join(peers->family, recording, pid, pidfd, how);
}

/* Its answer fits into one message; what does not is cut, and a peer that does not read gets none.
 */
static void answer(struct cp_peers *peers, int socket)
{
	struct cp_text text = {0};
	int room = 1 << 20;
	cp_status_write(peers->family, peers->name, &text);
	setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	size_t len = text.len < CP_STATUS_MAX ? text.len : CP_STATUS_MAX;
	/* who did not wait for it needs no line */
	if (text.data && send(socket, text.data, len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
	    errno != EPIPE)
		cp_log_line(peers->family->log, CP_WARNING, "status can not be answered: %s",
			    cp_text_error(errno));
	cp_text_free(&text);
}

/* How many processes it was for. */
static void obey(struct cp_peers *peers, int socket, const struct cp_join *message, pid_t pid)
{
	struct cp_command command;
	char text[64];
	memcpy(&command, message->token, sizeof command);
	unsigned count = cp_control_obey(peers->family, &command);
	if (count)
		cp_log_line(peers->family->log, CP_INFO, "process %d asked for %s, processes %u",
			    (int)pid, cp_control_word(command.order), count);
	int len = snprintf(text, sizeof text, "command\tprocesses=%u\n", count);
	/* who asks and does not listen has been obeyed all the same */
	(void)!send(socket, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int is_our_kind(int socket)
{
	int domain = 0, type = 0;
	socklen_t len = sizeof domain;
	return !getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX &&
	       !getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET;
}

static struct cp_peer *add(struct cp_peers *peers, int socket, int handed);

/* A member that has another uid by now, and whose token is so old that others took its place. */
static int is_member(const struct cp_family *family, pid_t pid, const uint8_t token[16])
{
	const struct cp_member *member = cp_family_member(family, pid);
	return member && !memcmp(member->token, token, sizeof member->token);
}

/* One message of a peer of this uid and pid. *fd is what came with it. */
static void understand(struct cp_peers *peers, struct cp_peer *peer, const struct cp_join *message,
		       int *fd)
{
	pid_t pid = 0;
	uid_t uid = 0;
	if (cp_rendezvous_peer(peer->source.fd, &pid, &uid))
		return;
	int trusted = uid == geteuid() || uid == 0;
	if (*fd >= 0 && message->pid == CP_PEER_HANDOVER) {
		/* Of whatever user: the target behind that socket says who it is itself. */
		if (peer->handed || !is_our_kind(*fd))
			return refuse(peers, pid, "what it hands over is no socket of a target");
		if (add(peers, *fd, 1))
			*fd = -1;
	} else if (!trusted && !cp_family_knows(peers->family, message->token) &&
		   !is_member(peers->family, pid, message->token) &&
		   !cp_rollcall_expects(peers->family, pid)) {
		refuse(peers, pid, "it belongs to another user");
	} else if (*fd >= 0) {
		if (pid <= 0)
			refuse(peers, pid, "its process can not be seen from here");
		else
			join(peers, peer->source.fd, *fd, pid, trusted ? 0 : CP_JOIN_FOREIGN);
	} else if (message->pid == CP_PEER_STATUS) {
		answer(peers, peer->source.fd);
	} else if (message->pid == CP_PEER_GLANCE) {
		if (trusted) /* its patience begins when the look is over */
			peer->since_ns =
			    cp_text_monotonic() + cp_glance_answer(peers->family, peer->number,
								   peer->source.fd, message->token);
	} else if (message->pid == CP_PEER_COMMAND) {
		if (trusted)
			obey(peers, peer->source.fd, message, pid);
	} else if (cp_family_farewell(peers->family, pid) && trusted) {
		/* not of a member itself: somebody speaks for one */
		cp_family_farewell(peers->family, message->pid);
	}
}

/* Everything that is there now. A connection stays until its other end closes it. */
static void hear(struct cp_peers *peers, struct cp_peer *peer)
{
	for (int i = 0; i < AT_ONCE; i++) {
		struct cp_join message;
		pid_t pid = 0;
		uid_t uid = 0;
		int fd;
		int got = cp_rendezvous_receive(peer->source.fd, &message, &fd);
		if (got == -EAGAIN)
			return;
		if (got == 1) {
			understand(peers, peer, &message, &fd);
		} else if (got < 0 && got != -ECONNRESET) {
			cp_rendezvous_peer(peer->source.fd, &pid, &uid);
			refuse(peers, pid,
			       got == -EPROTONOSUPPORT ? "it is of another version"
						       : "it makes no sense");
		}
		if (fd >= 0)
			close(fd);
		if (got == 1)
			continue;
		cp_tap_leave(peers->family, peer->number); /* nobody looks any more */
		return drop(peers, peer);
	}
}

static struct cp_peer *add(struct cp_peers *peers, int socket, int handed)
{
	struct cp_peer *peer = calloc(1, sizeof *peer);
	if (!peer)
		return NULL;
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = &peer->source};
	peer->source = (struct cp_source){CP_SOURCE_PEER, socket};
	peer->since_ns = cp_text_monotonic();
	peer->number = ++peers->numbers;
	peer->handed = handed;
	if (epoll_ctl(peers->epoll, EPOLL_CTL_ADD, socket, &event)) {
		free(peer);
		return NULL;
	}
	peer->next = peers->first;
	peers->first = peer;
	peers->count++;
	return peer;
}

/* Where descriptors are few, a quarter of them: the others are for what delivers, and for pidfds.
 */
static unsigned most(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur / 4 > PEERS_MAX)
		return PEERS_MAX;
	return (unsigned)(limit.rlim_cur / 4);
}

/* Too many silent ones: the one that has been silent longest goes. */
static void limit(struct cp_peers *peers)
{
	struct cp_peer *oldest = peers->first;
	unsigned max = peers->count > 8 ? most() : PEERS_MAX;
	while (peers->count > max && oldest && oldest->next)
		oldest = oldest->next;
	if (peers->count > max && oldest)
		drop(peers, oldest);
}

void cp_peers_add(struct cp_peers *peers, int socket)
{
	struct cp_peer *peer = add(peers, socket, 0);
	if (!peer) {
		close(socket);
		return;
	}
	hear(peers, peer);
	limit(peers);
}

void cp_peers_accept(struct cp_peers *peers, int listener)
{
	for (int i = 0; i < AT_ONCE; i++) {
		int socket = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (socket < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (socket < 0)
			return;
		cp_peers_add(peers, socket);
	}
}

void cp_peers_hear(struct cp_peers *peers, struct cp_source *source)
{
	hear(peers, (struct cp_peer *)source);
}

void cp_peers_expire(struct cp_peers *peers, uint64_t now_ns)
{
	struct cp_peer *next;
	for (struct cp_peer *peer = peers->first; peer; peer = next) {
		next = peer->next;
		if (now_ns > peer->since_ns + PATIENCE_NS)
			drop(peers, peer);
	}
}

void cp_peers_close(struct cp_peers *peers)
{
	while (peers->first)
		drop(peers, peers->first);
}
