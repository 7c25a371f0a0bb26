/* join.c - the rendezvous: an abstract socket, both sides' credentials checked. */
/* SPDX-License-Identifier: MIT */
#include "signal/join.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/note.h"
#include "signal/keeper.h"
#include "signal/launch.h"

#include "signal/law.h"

#define BIRTH_MS 5000 /* at most */

/* A root process must not hand its memory to whoever sits on the name, so: our own uid, or root. */
static int trusted(int sock)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return 0;
	return peer.uid == 0 || peer.uid == (uid_t)syscall(SYS_geteuid);
}

/* A process that is another user than at its start (a worker of a server that root started) is
 * still welcome where it began; but if nobody is there, an uploader that it starts must not sit on
 * that name: the first user's processes would not trust it, and have no uploader. So the new user
 * has a name of its own, the same for all such processes. */
static void mind_user(void)
{
	uint32_t uid = (uint32_t)syscall(SYS_geteuid);
	uint64_t h = uid ^ UINT64_C(0xcbf29ce484222325);
	char *digit = cp_home.name + strlen(cp_home.name) - 16;

	if (uid == cp_home.uid)
		return;
	if (!cp_home.elder[0])
		memcpy(cp_home.elder, cp_home.name, sizeof cp_home.elder);
	for (const char *p = cp_home.elder; *p; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(0x100000001b3);
	for (int shift = 60; shift >= 0; shift -= 4)
		*digit++ = "0123456789abcdef"[h >> shift & 15];
	cp_home.uid = uid;
}

/* A connected socket, or -errno. -ECONNREFUSED: nobody there, or nobody to be trusted. */
static int connect_to(const char *name)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(name);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), why;

	if (sock < 0)
		return -errno;
	memcpy(to.sun_path + 1, name, len);
	if (connect(sock, (struct sockaddr *)&to,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0) {
		if (trusted(sock))
			return sock;
		errno = ECONNREFUSED;
	}
	why = errno;
	close(sock);
	return -why;
}

static int connect_home(void)
{
	int sock = cp_home.elder[0] ? connect_to(cp_home.elder) : -ECONNREFUSED;

	return sock == -ECONNREFUSED ? connect_to(cp_home.name) : sock;
}

static int send_join(int sock, const struct cp_join *join, int fd)
{
	struct iovec iov = {.iov_base = (void *)join, .iov_len = sizeof *join};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c = &control.align;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof control.bytes;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof *join ? 0 : -1;
}

/* The message waits in a pair of sockets, whose other end the new process finds as its fd 3. */
static enum cp_joined found(const struct cp_join *join, int fd)
{
	int pair[2], ok;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return CP_JOIN_FAILED;
	ok = send_join(pair[0], join, fd) == 0 && cp_launch(pair[1]) == 0;
	close(pair[0]);
	close(pair[1]);
	return ok ? CP_JOINED_FOUNDER : CP_JOIN_FAILED;
}

static struct cp_join message(const struct cp_recording *rec, const uint8_t token[16])
{
	struct cp_join join = {.magic = CP_MAGIC, .abi = CP_ABI, .pid = rec->pid};

	memcpy(join.token, token, sizeof join.token);
	return join;
}

/* Until the uploader listens, our own children would start another, which goes as soon as it has
 * found the first; and without a keeper between, that orphan would come to us: so where they come
 * to us, we wait for the birth. It takes some 20 ms. Who ends has no more of them. */
static void await_birth(struct cp_recording *rec)
{
	struct timespec moment = {0, 1000000};

	for (int i = 0; i < BIRTH_MS && !cp_launch_ended(); i++) {
		if (atomic_load_explicit(&rec->heartbeat_ns, memory_order_relaxed) !=
		    CP_HEARTBEAT_NEVER)
			return;
		syscall(SYS_futex, &rec->delivered, FUTEX_WAIT, 0, &moment, NULL, 0);
	}
}

static enum cp_joined found_here(struct cp_recording *rec, const struct cp_join *join, int fd)
{
	enum cp_joined joined = found(join, fd);

	if (joined == CP_JOINED_FOUNDER && cp_keeper_needed() && !atomic_load(&cp_state.leaving))
		await_birth(rec);
	return joined;
}

enum cp_joined cp_join(struct cp_recording *rec, int fd, const uint8_t token[16])
{
	struct cp_join join = message(rec, token);
	int sock, sent;

	mind_user();
	sock = connect_home();
	if (sock < 0)
		return sock == -ECONNREFUSED ? found_here(rec, &join, fd) : CP_JOIN_FAILED;
	sent = send_join(sock, &join, fd);
	close(sock);
	return sent == 0 ? CP_JOINED_FAMILY : CP_JOIN_FAILED;
}

/* Only where an uploader is there already: it holds the recording before this one. */
int cp_join_reach(void)
{
	mind_user();
	return connect_home();
}

int cp_join_is_gone(uint32_t pid)
{
	struct ucred peer = {0, 0, 0};
	socklen_t len = sizeof peer;
	int sock = cp_join_reach(), gone;

	if (sock < 0)
		return sock == -ECONNREFUSED;
	gone = getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 &&
	       (uint32_t)peer.pid != pid;
	close(sock);
	return gone;
}

/* /proc/PID/WHAT as a link, this thread's own for 0; 0, or the cause. */
static int link_of(uint32_t pid, const char *what, char out[64])
{
	struct cp_line path = {0};
	long n;

	cp_line_add(&path, "/proc/");
	if (pid)
		cp_line_number(&path, pid);
	else
		cp_line_add(&path, "thread-self");
	cp_line_add(&path, what);
	memset(out, 0, 64);
	n = syscall(SYS_readlinkat, AT_FDCWD, path.text, out, 63);
	return n > 0 ? 0 : n == 0 ? EIO : errno;
}

/* Whoever answers at the rendezvous is another one, who lives in our pid namespace: there his
 * number and the one that we know mean two processes. */
static int is_another(int sock, uint32_t pid)
{
	char ours[64], his[64];
	struct ucred peer = {0, 0, 0};
	socklen_t len = sizeof peer;

	if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0 || peer.pid <= 0 ||
	    (uint32_t)peer.pid == pid)
		return 0;
	return link_of(0, "/ns/pid", ours) == 0 &&
	       link_of((uint32_t)peer.pid, "/ns/pid", his) == 0 && strcmp(ours, his) == 0;
}

/* Two witnesses, since each may err alone: a process of another pid namespace, or that /proc hides
 * from us, seems to be none; and who has become another user, or went to another network, finds
 * nobody where everybody is. A dead one's memory goes before its descriptors, so at least as soon
 * as its socket is closed there is no program of it to be seen, though nobody has laid it to rest.
 */
int cp_join_has_died(uint32_t pid)
{
	char link[64];
	int sock, died;

	if (!pid || link_of(pid, "/exe", link) != ENOENT || link_of(0, "/ns/pid", link) != 0)
		return 0;
	sock = cp_join_reach();
	if (sock < 0)
		return sock == -ECONNREFUSED && !cp_home.elder[0];
	died = is_another(sock, pid);
	close(sock);
	return died;
}

int cp_join_over(int sock, const struct cp_recording *rec, int fd)
{
	struct cp_join join = message(rec, rec->token);

	return send_join(sock, &join, fd);
}

/* By datagram, which costs a third of a connection: each image of a tree says it. */
int cp_join_hello(void)
{
	struct cp_hello hello = {.magic = CP_MAGIC, .abi = CP_ABI};
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	size_t len = strlen(cp_home.name);
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof hello};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_name = &to};
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), sent, line = 0;

	if (sock < 0)
		return -1;
	memcpy(to.sun_path + 1, cp_home.name, len);
	memcpy(to.sun_path + 1 + len, CP_HELLO_MARK, sizeof CP_HELLO_MARK);
	msg.msg_namelen =
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + sizeof CP_HELLO_MARK);
	hello.start_monotonic_ns = cp_now_at_start();
	do {
		sent = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)sizeof hello;
		to.sun_path[len + sizeof CP_HELLO_MARK] = (char)('a' + line++);
		msg.msg_namelen += line == 1;
	} while (!sent && errno == EAGAIN && line < CP_HELLO_LINES);
	close(sock);
	return sent ? 0 : -1;
}

int cp_join_goodbye(struct cp_recording *rec)
{
	struct cp_join join = message(rec, rec->token);
	int sock = connect_home(), sent;

	if (sock < 0)
		return -1;
	sent = send_join(sock, &join, -1);
	close(sock);
	return sent;
}
