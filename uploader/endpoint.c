/* endpoint.c - the address of CONPROF_LISTEN, and which names a request may call it by. */
/* SPDX-License-Identifier: MIT */
#include "uploader/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define UNIX "unix://"

/* A host and what is behind it, of which ":PORT" is a part; 0 or -EINVAL. */
static int split(const char *text, char host[64], const char **rest)
{
	const char *begin = text, *end = text + strcspn(text, ":");
	*rest = end;
	if (*text == '[') {
		begin = text + 1;
		end = begin + strcspn(begin, "]");
		if (*end != ']')
			return -EINVAL;
		*rest = end + 1;
	}
	if (end - begin >= 64 || (**rest && **rest != ':'))
		return -EINVAL;
	snprintf(host, 64, "%.*s", (int)(end - begin), begin);
	return 0;
}

/* 0 to 65535, or -1. */
static int port_of(const char *text)
{
	int port = 0;
	if (!*text || strlen(text) > 5)
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		port = port * 10 + *text - '0';
	}
	return port <= 65535 ? port : -1;
}

static int set_address(struct cp_endpoint *endpoint, const char *host, int bracketed)
{
	memset(endpoint, 0, sizeof *endpoint);
	if (bracketed) {
		endpoint->at.v6.sin6_family = AF_INET6;
		endpoint->len = sizeof endpoint->at.v6;
		int known = inet_pton(AF_INET6, host, &endpoint->at.v6.sin6_addr) == 1;
		endpoint->local = known && IN6_IS_ADDR_LOOPBACK(&endpoint->at.v6.sin6_addr);
		return known ? 0 : -EINVAL;
	}
	endpoint->at.v4.sin_family = AF_INET;
	endpoint->len = sizeof endpoint->at.v4;
	int known = inet_pton(AF_INET, host, &endpoint->at.v4.sin_addr) == 1;
	endpoint->local = known && ntohl(endpoint->at.v4.sin_addr.s_addr) >> 24 == 127;
	return known ? 0 : -EINVAL;
}

static int set_path(struct cp_endpoint *endpoint, const char *path)
{
	struct sockaddr_un *un = &endpoint->at.un;
	memset(endpoint, 0, sizeof *endpoint);
	if (path[0] != '/' || strlen(path) >= sizeof un->sun_path)
		return -EINVAL;
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, strlen(path));
	endpoint->len = sizeof *un;
	endpoint->local = 1;
	return 0;
}

int cp_endpoint_parse(const char *text, struct cp_endpoint *endpoint)
{
	char host[64];
	const char *rest;
	if (strncmp(text, UNIX, strlen(UNIX)) == 0)
		return set_path(endpoint, text + strlen(UNIX));
	if (split(text, host, &rest) || *rest != ':')
		return -EINVAL;
	int port = port_of(rest + 1), bracketed = *text == '[';
	int ours = !bracketed && (!*host || strcasecmp(host, "localhost") == 0);
	if (port < 0 || set_address(endpoint, ours ? "127.0.0.1" : host, bracketed))
		return -EINVAL;
	/* at the same place in both */
	endpoint->at.v4.sin_port = htons((uint16_t)port);
	return 0;
}

/* Without the ports: a forwarded one has another number. */
static int is_same(const struct cp_endpoint *a, const struct cp_endpoint *b)
{
	if (a->at.any.sa_family != b->at.any.sa_family)
		return 0;
	if (a->at.any.sa_family == AF_INET)
		return a->at.v4.sin_addr.s_addr == b->at.v4.sin_addr.s_addr;
	return !memcmp(&a->at.v6.sin6_addr, &b->at.v6.sin6_addr, sizeof a->at.v6.sin6_addr);
}

int cp_endpoint_is_host(const struct cp_endpoint *endpoint, const char *host, const char *machine)
{
	struct cp_endpoint asked;
	const char *rest;
	char name[64];
	if (endpoint->at.any.sa_family == AF_UNIX)
		return 1;
	if (split(host, name, &rest) || (*rest && port_of(rest + 1) < 0))
		return 0;
	if (!set_address(&asked, name, *host == '['))
		return asked.local || !endpoint->local || is_same(&asked, endpoint);
	if (*host == '[')
		return 0;
	return strcasecmp(name, "localhost") == 0 ||
	       (!endpoint->local && *machine && strcasecmp(name, machine) == 0);
}

void cp_endpoint_write(const struct cp_endpoint *endpoint, char *out)
{
	char host[INET6_ADDRSTRLEN] = "";
	unsigned port = ntohs(endpoint->at.v4.sin_port);
	if (endpoint->at.any.sa_family == AF_UNIX) {
		snprintf(out, 128, UNIX "%.108s", endpoint->at.un.sun_path);
	} else if (endpoint->at.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &endpoint->at.v6.sin6_addr, host, sizeof host);
		snprintf(out, 128, "[%s]:%u", host, port);
	} else {
		inet_ntop(AF_INET, &endpoint->at.v4.sin_addr, host, sizeof host);
		snprintf(out, 128, "%s:%u", host, port);
	}
}
