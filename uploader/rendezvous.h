/* rendezvous.h - the abstract unix socket where a family meets, and the messages that go over it.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <sys/types.h>

#include "base/recording.h"

#define CP_NAME_PREFIX "conprof-"

/* What a struct cp_join's pid says when it is none. With a real pid and no descriptor the message
 * is a farewell: that process ends, take its last data now. */
enum {
	CP_PEER_HANDOVER = 0, /* the descriptor is another socket, on which a join waits */
	CP_PEER_STATUS = -1,  /* no descriptor: answer with the text of status.h */
	CP_PEER_GLANCE = -2,  /* likewise: with what a program does from now on (glance.h) */
	CP_PEER_COMMAND = -3  /* likewise: a struct cp_command stands in the token */
};

/* 1 when name is "conprof-" and 16 hex digits, as targets make it. */
int cp_rendezvous_is_name(const char *name);
/* A listening, non-blocking socket; -EADDRINUSE when somebody else listens there; -errno. */
int cp_rendezvous_listen(const char *name);
int cp_rendezvous_connect(const char *name); /* the socket or -errno */
/* fd: -1 for none. 0 or -errno. */
int cp_rendezvous_send(int socket, int pid, int fd);
int cp_rendezvous_send_message(int socket, const struct cp_join *join, int fd);
/* One message, without waiting: 1; 0 at the end; -EAGAIN when there is none yet; -EBADMSG when it
 * is not a struct cp_join. *fd is the passed descriptor, to be closed by the caller, or -1. */
int cp_rendezvous_receive(int socket, struct cp_join *join, int *fd);
/* A socket that hears the hellos of processes that sleep, by this name, in one of CP_HELLO_LINES;
 * -errno. */
int cp_rendezvous_hear(const char *name, int line);
/* One of them: 1, with who says it, by the kernel's word, and when its image began; -EAGAIN;
 * -EBADMSG when it makes no sense. */
int cp_rendezvous_hello(int socket, pid_t *pid, uid_t *uid, uint64_t *start_ns);
/* Who is at the other end, by the kernel's word. 0 or -errno. */
int cp_rendezvous_peer(int socket, pid_t *pid, uid_t *uid);
/* A pidfd of the peer itself where the kernel gives one (6.5), else of whoever has its pid; -errno.
 */
int cp_rendezvous_pidfd(int socket, pid_t pid);
/* The next rendezvous name that somebody listens at, from the open /proc/net/unix; 0 at its end.
 * name holds 32 bytes. */
int cp_rendezvous_next(void *stream, char *name);
