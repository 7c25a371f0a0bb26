/* rendezvous.c - the abstract unix socket where a family meets, and the messages that go over it.
 */
/* SPDX-License-Identifier: MIT */
#include "uploader/rendezvous.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int cp_rendezvous_is_name(const char *name)
{
	size_t prefix = strlen(CP_NAME_PREFIX);
	return strncmp(name, CP_NAME_PREFIX, prefix) == 0 && strlen(name) == prefix + 16 &&
	       strspn(name + prefix, "0123456789abcdef") == 16;
}

static socklen_t address_of(const char *name, struct sockaddr_un *address)
{
	size_t len = strlen(name);
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len > sizeof address->sun_path - 1)
		len = sizeof address->sun_path - 1;
	memcpy(address->sun_path + 1, name, len);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
}

static int make_socket(const char *name, int type,
		       int (*use)(int, const struct sockaddr *, socklen_t))
{
	struct sockaddr_un address;
	socklen_t len = address_of(name, &address);
	int fd = socket(AF_UNIX, SOCK_CLOEXEC | type, 0);
	if (fd < 0)
		return -errno;
	if (!use(fd, (const struct sockaddr *)&address, len))
		return fd;
	int error = -errno;
	close(fd);
	return error;
}

int cp_rendezvous_listen(const char *name)
{
	int fd = make_socket(name, SOCK_SEQPACKET | SOCK_NONBLOCK, bind);
	if (fd >= 0 && listen(fd, 4096)) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int cp_rendezvous_connect(const char *name)
{
	return make_socket(name, SOCK_SEQPACKET, connect);
}

union control {
	char bytes[CMSG_SPACE(8 * sizeof(int))];
	struct cmsghdr align;
};

int cp_rendezvous_send(int socket, int pid, int fd)
{
	const struct cp_join join = {.magic = CP_MAGIC, .abi = CP_ABI, .pid = pid};
	return cp_rendezvous_send_message(socket, &join, fd);
}

int cp_rendezvous_send_message(int socket, const struct cp_join *join, int fd)
{
	struct cp_join sent = *join;
	struct iovec iov = {.iov_base = &sent, .iov_len = sizeof sent};
	union control control = {{0}};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(sizeof fd);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&message);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
	}
	return sendmsg(socket, &message, MSG_NOSIGNAL) == (ssize_t)sizeof sent ? 0 : -errno;
}

/* The first descriptor is kept; whatever else a peer sends along is closed. */
static void collect(struct msghdr *message, int *fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int one;
			memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
			if (*fd < 0)
				*fd = one;
			else
				close(one);
		}
	}
}

int cp_rendezvous_receive(int socket, struct cp_join *join, int *fd)
{
	struct iovec iov = {.iov_base = join, .iov_len = sizeof *join};
	union control control;
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	*fd = -1;
	ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	collect(&message, fd);
	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof *join || (message.msg_flags & MSG_TRUNC) ||
	    join->magic != CP_MAGIC)
		return -EBADMSG;
	return join->abi == CP_ABI ? 1 : -EPROTONOSUPPORT;
}

int cp_rendezvous_hear(const char *name, int line)
{
	char marked[64];
	int on = 1;
	char letter[2] = {line ? (char)('a' + line - 1) : 0, 0};
	snprintf(marked, sizeof marked, "%s" CP_HELLO_MARK "%s", name, letter);
	int fd = make_socket(marked, SOCK_DGRAM | SOCK_NONBLOCK, bind);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) {
		int error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int cp_rendezvous_hello(int socket, pid_t *pid, uid_t *uid, uint64_t *start_ns)
{
	struct cp_hello hello;
	struct ucred from = {.pid = 0};
	struct iovec iov = {.iov_base = &hello, .iov_len = sizeof hello};
	union control control;
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof control.bytes};
	int fd = -1;
	ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&from, CMSG_DATA(c), sizeof from);
	collect(&message, &fd);
	if (fd >= 0)
		close(fd);
	if (n != (ssize_t)sizeof hello || hello.magic != CP_MAGIC || hello.abi != CP_ABI ||
	    from.pid <= 0)
		return -EBADMSG;
	*pid = from.pid;
	*uid = from.uid;
	*start_ns = hello.start_monotonic_ns;
	return 1;
}

int cp_rendezvous_peer(int socket, pid_t *pid, uid_t *uid)
{
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		return -errno;
	*pid = peer.pid;
	*uid = peer.uid;
	return 0;
}

int cp_rendezvous_pidfd(int socket, pid_t pid)
{
	int fd = -1;
	socklen_t len = sizeof fd;
	if (!getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &len) && fd >= 0)
		return fd;
	if (errno == ESRCH || errno == EINVAL)
		return -ESRCH; /* the kernel knows the peer, and that it is gone */
	long result = syscall(SYS_pidfd_open, pid, 0);
	return result < 0 ? -errno : (int)result;
}

/* A line ends with its flags, type, state, inode and, after the last blank, @name. Flag 00010000
 * marks the listening socket; connected ones bear the name, too. */
int cp_rendezvous_next(void *stream, char *name)
{
	char line[512], flags[16], path[256];
	while (fgets(line, sizeof line, stream)) {
		if (sscanf(line, "%*s %*s %*s %15s %*s %*s %*s %255s", flags, path) != 2 ||
		    strcmp(flags, "00010000") != 0 || path[0] != '@' ||
		    !cp_rendezvous_is_name(path + 1))
			continue;
		snprintf(name, 32, "%.31s", path + 1);
		return 1;
	}
	return 0;
}
