/* socket.c - a socket that listens at an endpoint, and takes nobody's place. */
/* SPDX-License-Identifier: MIT */
#include "uploader/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define BACKLOG 64

/* Nobody but root and ourselves may put another file in this one's place. */
static int is_safe(int folder)
{
	struct stat st;
	if (fstat(folder, &st))
		return 0;
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return 0;
	return !(st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_mode & S_ISVTX;
}

/* 1: somebody listens; 0: nobody, or nothing is there; -errno. */
static int is_alive(const struct cp_endpoint *endpoint)
{
	int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return -errno;
	int error = connect(probe, &endpoint->at.any, endpoint->len) ? -errno : 0;
	close(probe);
	return error == -ECONNREFUSED || error == -ENOENT ? 0
	       : error && error != -EAGAIN		  ? error
							  : 1;
}

/* What a dead uploader of ours has left goes. */
static int make_room(const struct cp_endpoint *endpoint)
{
	const char *path = endpoint->at.un.sun_path;
	struct stat st;
	if (lstat(path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
		return -EEXIST;
	int alive = is_alive(endpoint);
	if (alive)
		return alive < 0 ? alive : -EADDRINUSE;
	return unlink(path) ? -errno : 0;
}

/* The folder is locked meanwhile, or two that find a dead one's socket remove each other's. */
static int bind_path(struct cp_socket *socket, const struct cp_endpoint *endpoint)
{
	char path[sizeof endpoint->at.un.sun_path];
	struct stat st = {0};
	memcpy(path, endpoint->at.un.sun_path, sizeof path);
	/* it is absolute, so there is one; the folder "/" keeps its own */
	strrchr(path, '/')[strrchr(path, '/') == path] = '\0';
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return -errno;
	int error = is_safe(folder) ? 0 : -EPERM;
	if (!error && flock(folder, LOCK_EX | LOCK_NB))
		error = -EADDRINUSE;
	if (!error)
		error = make_room(endpoint);
	/* before: then it is never there with another mode */
	if (!error &&
	    (fchmod(socket->fd, 0600) || bind(socket->fd, &endpoint->at.any, endpoint->len) ||
	     listen(socket->fd, BACKLOG) || lstat(endpoint->at.un.sun_path, &st)))
		error = -errno;
	close(folder);
	if (!error) {
		socket->dev = st.st_dev;
		socket->ino = st.st_ino;
		socket->changed = st.st_ctim;
	}
	return error;
}

static int bind_port(struct cp_socket *socket, const struct cp_endpoint *endpoint)
{
	int on = 1;
	socklen_t len = sizeof socket->is.at;
	/* a port whose last connections are still dying away is free */
	if (setsockopt(socket->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
	    bind(socket->fd, &endpoint->at.any, endpoint->len) || listen(socket->fd, BACKLOG) ||
	    getsockname(socket->fd, &socket->is.at.any, &len))
		return -errno;
	return 0;
}

int cp_socket_open(struct cp_socket *out, const struct cp_endpoint *endpoint)
{
	int family = endpoint->at.any.sa_family;
	*out = (struct cp_socket){.is = *endpoint};
	out->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (out->fd < 0)
		return -errno;
	int error = family == AF_UNIX ? bind_path(out, endpoint) : bind_port(out, endpoint);
	if (!error)
		return 0;
	close(out->fd);
	out->fd = -1;
	return error;
}

void cp_socket_remove(struct cp_socket *socket)
{
	const char *path = socket->is.at.un.sun_path;
	struct stat st;
	if (socket->is.at.any.sa_family != AF_UNIX || !socket->ino)
		return;
	if (!lstat(path, &st) && st.st_dev == socket->dev && st.st_ino == socket->ino &&
	    st.st_ctim.tv_sec == socket->changed.tv_sec &&
	    st.st_ctim.tv_nsec == socket->changed.tv_nsec)
		unlink(path);
	socket->ino = 0;
}
