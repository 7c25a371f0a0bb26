/* address.c - where profiles go, read from the text of CONPROF_AGENT_SOCKET. */
/* SPDX-License-Identifier: MIT */
#include "uploader/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INTAKE	  "/profiling/v1/input"
#define PUSH	  "/push.v1.PusherService/Push"
#define WRITE_RAW "/api/profiles/writeraw"

static const char *after(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);
	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static int has_blanks(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || *text == 0x7f)
			return 1;
	return 0;
}

/* Where the host begins: behind the last @ before the path. */
static const char *host_of(const char *rest)
{
	const char *host = rest;
	for (const char *at = rest; *at && *at != '/'; at++)
		if (*at == '@')
			host = at + 1;
	return host;
}

/* [user:***@]host[:port][/base] behind a scheme; tcp takes neither user nor base. One trailing
 * slash is not part of it. */
static int set_url(struct cp_address *address, const char *scheme, const char *rest, int tcp)
{
	const char *host = tcp ? rest : host_of(rest);
	size_t len = strlen(host);
	if (!tcp && len && host[len - 1] == '/')
		len--;
	if (!len || host[0] == '/' || host[0] == ':' || has_blanks(rest) ||
	    strcspn(host, "?#@") < strlen(host) || (tcp && strchr(host, '/')))
		return -EINVAL;
	snprintf(address->url, sizeof address->url, "%s://%.*s" INTAKE, scheme, (int)len, host);
	address->kind = CP_ADDRESS_HTTP;
	return 0;
}

static int has_port(const char *host, size_t len)
{
	const char *colon = NULL;
	for (size_t i = 0; i < len; i++)
		if (host[i] == ':' || host[i] == ']')
			colon = host[i] == ':' ? host + i : NULL;
	return colon != NULL;
}

struct service {
	const char *prefix, *scheme, *port, *path;
	enum cp_address_kind kind;
};

/* [user:***@]host[:port][/base]: whose it is, secrets.h knows. Without a port it is the service's
 * own; of TLS, TLS's. */
static int set_service(struct cp_address *address, const struct service *service, const char *rest)
{
	const char *host = host_of(rest);
	size_t host_len = strcspn(host, "/"), len = strlen(host);
	if (len && host[len - 1] == '/')
		len--;
	if (!host_len || host[0] == ':' || has_blanks(rest) || strcspn(host, "?#") < len)
		return -EINVAL;
	snprintf(address->url, sizeof address->url, "%s://%.*s%s%.*s%s", service->scheme,
		 (int)host_len, host, has_port(host, host_len) ? "" : service->port,
		 (int)(len > host_len ? len - host_len : 0), host + host_len, service->path);
	address->kind = service->kind;
	return 0;
}

static int parse_service(const char *text, struct cp_address *address)
{
	static const struct service services[] = {
	    {"pyroscope+http://", "http", ":4040", PUSH, CP_ADDRESS_PYROSCOPE},
	    {"pyroscope+https://", "https", "", PUSH, CP_ADDRESS_PYROSCOPE},
	    {"parca+http://", "http", ":7070", WRITE_RAW, CP_ADDRESS_PARCA},
	    {"parca+https://", "https", "", WRITE_RAW, CP_ADDRESS_PARCA},
	};
	for (size_t i = 0; i < sizeof services / sizeof services[0]; i++) {
		const char *rest = after(text, services[i].prefix);
		if (rest)
			return set_service(address, &services[i], rest);
	}
	return -EINVAL;
}

void cp_address_show(const char *text, char shown[CP_ADDRESS_SHOWN])
{
	const char *rest = strstr(text, "://");
	rest = rest ? rest + 3 : text;
	/* a path is no address of a host: an @ in it is its own */
	const char *host = rest[0] == '/' ? rest : host_of(rest);
	snprintf(shown, CP_ADDRESS_SHOWN, "%.*s%s", (int)(rest - text), text, host);
}

static int set_path(struct cp_address *address, enum cp_address_kind kind, const char *path)
{
	/* 107: the longest name that fits into a sockaddr_un */
	if (path[0] != '/' || (kind == CP_ADDRESS_HTTP && strlen(path) > 107) ||
	    strlen(path) >= sizeof address->path)
		return -EINVAL;
	snprintf(address->path, sizeof address->path, "%s", path);
	address->kind = kind;
	if (kind == CP_ADDRESS_HTTP)
		snprintf(address->url, sizeof address->url, "http://localhost" INTAKE);
	return 0;
}

int cp_address_parse(const char *text, struct cp_address *address)
{
	*address = (struct cp_address){.kind = CP_ADDRESS_NONE};
	if (!*text)
		text = CP_ADDRESS_DEFAULT;
	address->is_default = strcmp(text, CP_ADDRESS_DEFAULT) == 0;
	const char *rest;
	if (strlen(text) >= sizeof address->path)
		return -EINVAL;
	if ((rest = after(text, "unix://")))
		return set_path(address, CP_ADDRESS_HTTP, rest);
	if ((rest = after(text, "dir://")))
		return set_path(address, CP_ADDRESS_FOLDER, rest);
	if ((rest = after(text, "tcp://")))
		return set_url(address, "http", rest, 1);
	if ((rest = after(text, "http://")))
		return set_url(address, "http", rest, 0);
	if ((rest = after(text, "https://")))
		return set_url(address, "https", rest, 0);
	return parse_service(text, address);
}

int cp_address_next(const char **list, char out[CP_ADDRESS_LEN])
{
	const char *at = *list;
	if (at && !*at)
		at = CP_ADDRESS_DEFAULT;
	while (at && *at) {
		size_t len = strcspn(at, ",");
		const char *piece = at;
		at += len;
		*list = at = *at ? at + 1 : NULL;
		if (!len || len >= CP_ADDRESS_LEN)
			continue;
		memcpy(out, piece, len);
		out[len] = '\0';
		return 1;
	}
	*list = NULL;
	return 0;
}

static uint64_t hash_on(uint64_t hash, const char *text) /* FNV-1a; with the end, which parts */
{
	do
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	while (*text++);
	return hash;
}

uint64_t cp_address_number(const char *text)
{
	char shown[CP_ADDRESS_SHOWN], user[CP_ADDRESS_SHOWN] = "";
	cp_address_show(text, shown);
	uint64_t hash = hash_on(UINT64_C(14695981039346656037), shown);
	const char *rest = strstr(text, "://");
	if (rest && rest[3] != '/' && host_of(rest + 3) > rest + 3)
		snprintf(user, sizeof user, "%.*s", (int)strcspn(rest + 3, ":@"), rest + 3);
	hash = hash_on(hash, user);
	return hash ? hash : 1;
}
