/* endpoint.h - the address of CONPROF_LISTEN, and which names a request may call it by. Pure.
 *
 * A page that a browser loads may have its own name lead to 127.0.0.1 (DNS rebinding), and then ask
 * us what it likes; but what it asks for, Host, is that name. So only names that no stranger can
 * own are answered. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct cp_endpoint {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un un;
	} at;
	socklen_t len;
	int local; /* no other machine reaches it */
};

/* IPV4:PORT, [IPV6]:PORT, :PORT and localhost:PORT (both 127.0.0.1), unix:///path. 0 or -EINVAL. */
int cp_endpoint_parse(const char *text, struct cp_endpoint *endpoint);
/* Whether the Host of a request is ours: localhost, 127.0.0.1, [::1] or the endpoint's own address;
 * where other machines may come, any address in digits, or machine, our host's name. Over a unix
 * socket, which no browser speaks, all are. */
int cp_endpoint_is_host(const struct cp_endpoint *endpoint, const char *host, const char *machine);
/* "127.0.0.1:6060", "unix:///path"; out holds 128 bytes. */
void cp_endpoint_write(const struct cp_endpoint *endpoint, char *out);
