/* address.h - where profiles go, read from the text of CONPROF_AGENT_SOCKET. Pure. */
/* SPDX-License-Identifier: MIT */
#pragma once

#define CP_ADDRESS_DEFAULT "unix:///var/run/blackfire/agent.sock"

enum cp_address_kind {
	CP_ADDRESS_NONE,   /* not understood: profiles stay in the spool */
	CP_ADDRESS_HTTP,   /* url, and path when it goes over a unix socket */
	CP_ADDRESS_FOLDER, /* path */
};

struct cp_address {
	enum cp_address_kind kind;
	int is_default; /* nobody asked for it: its absence is no error */
	char url[640];	/* complete, with the intake's path */
	char path[512]; /* of the unix socket or the folder; else empty */
};

/* 0; -EINVAL (kind is then CP_ADDRESS_NONE) when text is none of unix:///path, tcp://host:port,
 * http://host[:port][/base], https://..., dir:///path. Empty means the default. */
int cp_address_parse(const char *text, struct cp_address *address);
