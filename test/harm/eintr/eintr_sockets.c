// harm: build -lrt
// harm: with CONPROF_CPU_PROFILERATE=1000
// harm: within 90
// harm: slow
// harm: cpu total = printed cpu_ns +-20%
// harm: exit 0
// SPDX-License-Identifier: MIT
// Sockets with timeouts, whose calls the kernel never starts again: a quarter of a million of them,
// each of which waits for its other side, under a thousand ticks a second. None ends with EINTR, no
// send is cut short. It fails when arm_own of signal/timer.c takes CLOCK_MONOTONIC.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "test/harm/eintr/eintr.h"

#define TIMES 27000
#define LUMP  (256 * 1024)

static char lump[LUMP];

static void with_timeouts(int fd)
{
	struct timeval t = span_us(LONG);

	HARM_UNLESS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0 &&
			setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0,
		    "no timeout");
}

/* ---- reading and writing: a byte or a datagram there is a byte or a datagram back ---- */

static void pair(struct lane *l)
{
	HARM_UNLESS(socketpair(AF_UNIX, SOCK_STREAM, 0, l->fd) == 0, "no sockets");
	with_timeouts(l->fd[0]);
}

static void echo(struct lane *l)
{
	char c;

	while (read(l->fd[1], &c, 1) == 1 && write(l->fd[1], &c, 1) == 1)
		;
}

static void finish(struct lane *l)
{
	shutdown(l->fd[0], SHUT_RDWR);
}

/* In the control nobody is asked, so nobody answers. */
static void ask(struct lane *l)
{
	if (l->us != LONG)
		HARM_UNLESS(write(l->fd[0], "?", 1) == 1, "no question");
}

static int do_recv(struct lane *l)
{
	char c;

	ask(l);
	return failed(recv(l->fd[0], &c, 1, 0));
}

static int do_recvfrom(struct lane *l)
{
	char c;

	ask(l);
	return failed(recvfrom(l->fd[0], &c, 1, 0, NULL, NULL));
}

static int do_recvmsg(struct lane *l)
{
	char c;
	struct iovec to = {&c, 1};
	struct msghdr message = {.msg_iov = &to, .msg_iovlen = 1};

	ask(l);
	return failed(recvmsg(l->fd[0], &message, 0));
}

static int do_recvmmsg(struct lane *l)
{
	char c;
	struct iovec to = {&c, 1};
	struct mmsghdr message = {.msg_hdr = {.msg_iov = &to, .msg_iovlen = 1}};

	ask(l);
	return failed(recvmmsg(l->fd[0], &message, 1, 0, NULL));
}

static int do_read(struct lane *l)
{
	char c;

	ask(l);
	return failed(read(l->fd[0], &c, 1));
}

/* ---- much at a time: the sender waits for room ---- */

static void drain(struct lane *l)
{
	static __thread char taken[LUMP / 4];

	while (read(l->fd[1], taken, sizeof taken) > 0)
		;
}

/* Part of it is what comes back when a signal breaks in. */
static int all_of(ssize_t sent)
{
	return sent >= 0 && sent < LUMP ? EINTR : failed(sent);
}

static int do_send(struct lane *l)
{
	return all_of(send(l->fd[0], lump, LUMP, 0));
}

static int do_sendto(struct lane *l)
{
	return all_of(sendto(l->fd[0], lump, LUMP, 0, NULL, 0));
}

static int do_sendmsg(struct lane *l)
{
	struct iovec from = {lump, LUMP};
	struct msghdr message = {.msg_iov = &from, .msg_iovlen = 1};

	return all_of(sendmsg(l->fd[0], &message, 0));
}

/* ---- connections: a queue of one ---- */

static void listener(struct lane *l)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};

	l->fd[0] = socket(AF_UNIX, SOCK_STREAM, 0);
	HARM_UNLESS(l->fd[0] >= 0 && bind(l->fd[0], (void *)&name, sizeof(sa_family_t)) == 0 &&
			listen(l->fd[0], 0) == 0,
		    "no listener");
	with_timeouts(l->fd[0]);
}

static int connect_to(int listener_fd)
{
	struct sockaddr_un name;
	socklen_t len = sizeof name;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), error;

	HARM_UNLESS(fd >= 0 && getsockname(listener_fd, (void *)&name, &len) == 0, "no name");
	with_timeouts(fd);
	error = failed(connect(fd, (void *)&name, len));
	close(fd);
	return error;
}

static void accepts(struct lane *l)
{
	int fd;

	while ((fd = accept(l->fd[0], NULL, NULL)) >= 0)
		close(fd);
}

static void connects(struct lane *l)
{
	while (connect_to(l->fd[0]) == 0)
		;
}

/* The queue is full when nobody accepts: so it takes a few in the control. */
static int do_connect(struct lane *l)
{
	int error = 0;

	for (int i = 0; i < (l->us == LONG ? 4 : 1) && !error; i++)
		error = connect_to(l->fd[0]);
	return error;
}

static int do_accept(struct lane *l)
{
	int fd = accept(l->fd[0], NULL, NULL);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int do_accept4(struct lane *l)
{
	int fd = accept4(l->fd[0], NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void close_listener(struct lane *l)
{
	shutdown(l->fd[0], SHUT_RDWR);
	close(l->fd[0]);
}

int main(void)
{
	const struct call calls[] = {
	    {"recv", TIMES, do_recv, pair, echo, finish},
	    {"recvfrom", TIMES, do_recvfrom, pair, echo, finish},
	    {"recvmsg", TIMES, do_recvmsg, pair, echo, finish},
	    {"recvmmsg", TIMES, do_recvmmsg, pair, echo, finish},
	    {"read", TIMES, do_read, pair, echo, finish},
	    {"send", TIMES / 10, do_send, pair, drain, finish},
	    {"sendto", TIMES / 10, do_sendto, pair, drain, finish},
	    {"sendmsg", TIMES / 10, do_sendmsg, pair, drain, finish},
	    {"connect", TIMES, do_connect, listener, accepts, close_listener},
	    {"accept", TIMES, do_accept, listener, connects, close_listener},
	    {"accept4", TIMES, do_accept4, listener, connects, close_listener},
	};

	return eintr_main(calls, sizeof calls / sizeof *calls);
}
