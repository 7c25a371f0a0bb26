/* address.h - where profiles go, read from the text of CONPROF_AGENT_SOCKET. Pure. */
/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/config.h"

#define CP_ADDRESS_DEFAULT "unix:///var/run/blackfire/agent.sock"

enum cp_address_kind {
	CP_ADDRESS_NONE,   /* not understood: profiles stay in the spool */
	CP_ADDRESS_HTTP,   /* url, and path when it goes over a unix socket */
	CP_ADDRESS_FOLDER, /* path */
	CP_ADDRESS_PYROSCOPE,
	CP_ADDRESS_PARCA,
};

struct cp_address {
	enum cp_address_kind kind;
	int is_default; /* nobody asked for it: its absence is no error */
	char url[640];	/* complete, with the path; without user and password */
	char path[512]; /* of the unix socket or the folder; else empty */
};

#define CP_ADDRESS_LEN (CP_DESTINATION_LEN + 1)

/* The next address of a list with commas between, *list moves on; 0 at its end. Begin with the
 * setting's text; of an empty one the default comes. */
int cp_address_next(const char **list, char out[CP_ADDRESS_LEN]);
/* A number that stands for it in names of files: of what is shown and of the user, never 0. */
uint64_t cp_address_number(const char *text);
/* 0; -EINVAL (kind is then CP_ADDRESS_NONE) when text is none of unix:///path, tcp://host:port,
 * http://host[:port][/base], https://..., dir:///path, and pyroscope+http://, pyroscope+https://,
 * parca+http://, parca+https:// with [user:password@]host[:port][/base]. Empty means the default.
 */
int cp_address_parse(const char *text, struct cp_address *address);

/* The text as people and files may see it: without user and password. Equal destinations have
 * equal texts whoever sends to them. */
#define CP_ADDRESS_SHOWN 512
void cp_address_show(const char *text, char shown[CP_ADDRESS_SHOWN]);
