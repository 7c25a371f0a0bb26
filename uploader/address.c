/* address.c - where profiles go, read from the text of CONPROF_AGENT_SOCKET. */
/* SPDX-License-Identifier: MIT */
#include "uploader/address.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define INTAKE "/profiling/v1/input"

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

/* host[:port][/base] behind a scheme; tcp takes no base. One trailing slash is not part of it. */
static int set_url(struct cp_address *address, const char *scheme, const char *rest, int base)
{
	size_t len = strlen(rest);
	if (base && len && rest[len - 1] == '/')
		len--;
	if (!len || rest[0] == '/' || rest[0] == ':' || has_blanks(rest) ||
	    strcspn(rest, "?#@") < strlen(rest) || (!base && strchr(rest, '/')))
		return -EINVAL;
	snprintf(address->url, sizeof address->url, "%s://%.*s" INTAKE, scheme, (int)len, rest);
	address->kind = CP_ADDRESS_HTTP;
	return 0;
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
		return set_url(address, "http", rest, 0);
	if ((rest = after(text, "http://")))
		return set_url(address, "http", rest, 1);
	if ((rest = after(text, "https://")))
		return set_url(address, "https", rest, 1);
	return -EINVAL;
}
