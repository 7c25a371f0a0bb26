/* http.h - one POST, with libcurl: over a unix socket, TCP, or TLS that is verified. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/config.h"
#include "uploader/address.h"

#define CP_MORE_HEADERS 3
struct cp_post {
	const struct cp_address *to;
	const char *user, *password; /* Basic authorization when both are not empty */
	const char *bearer;	     /* else this token, when it is neither NULL nor empty */
	const char *content_type;
	const char *headers[CP_MORE_HEADERS]; /* more header lines; the first NULL ends them */
	const struct cp_config *config;	      /* the files for TLS; NULL: none */
	const void *body;
	size_t body_len;
	long timeout_ms; /* for all of it */
};

struct cp_reply {
	long status;		/* 0: none was had */
	int not_http;		/* something answered, but not in HTTP */
	char error[256];	/* why there is no status; empty when there is one */
	uint32_t retry_after_s; /* what it asks for; 0: nothing */
	char body[1025];	/* its first 1024 bytes, those that can be shown in one line */
};

/* Once, before there is a second thread; 0 or -EIO. */
int cp_http_start(void);
void cp_http_stop(void);
/* Any thread. The status counts as soon as the reply's header is complete, whatever becomes of its
 * body; no more of that is read than is told. */
void cp_http_post(const struct cp_post *post, struct cp_reply *reply);
