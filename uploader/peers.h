/* peers.h - connections to the rendezvous: who may speak, and what was said. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

struct cp_peer;

struct cp_peers {
	struct cp_family *family;
	const char *name; /* of the rendezvous */
	int epoll;
	struct cp_peer *first; /* newest first */
	unsigned count;
	uint64_t numbers; /* given to them so far */
};

/* Takes everybody who is waiting at the listening socket, and hears them at once. */
void cp_peers_accept(struct cp_peers *peers, int listener);
/* A socket on which a message waits or will come; it is owned from now on. */
void cp_peers_add(struct cp_peers *peers, int socket);
/* An epoll event said that this one may have spoken. */
void cp_peers_hear(struct cp_peers *peers, struct cp_source *source);
/* Those that connected and said nothing for some seconds are let go. */
void cp_peers_expire(struct cp_peers *peers, uint64_t now_ns);
void cp_peers_close(struct cp_peers *peers);
