/* socket.h - a socket that listens at an endpoint, and takes nobody's place. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <sys/stat.h>

#include "uploader/endpoint.h"

struct cp_socket {
	int fd;		       /* -1: closed */
	struct cp_endpoint is; /* where it listens: with the port that the kernel chose */
	dev_t dev;	       /* of the unix socket's file: only ours is removed */
	ino_t ino;
	struct timespec changed; /* an inode's number is used again */
};

/* Listens, without blocking; CLOEXEC. A unix socket is for our user alone (0600), in a folder where
 * no stranger may rename; what lies there already is replaced if it is a socket of ours at which
 * nobody listens any more. 0, -EADDRINUSE, or another -errno. */
int cp_socket_open(struct cp_socket *socket, const struct cp_endpoint *endpoint);
/* The file of a unix socket goes. The descriptor is closed unless somebody else has that duty. */
void cp_socket_remove(struct cp_socket *socket);
