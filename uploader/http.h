/* http.h - one POST, with libcurl: over a unix socket, TCP, or TLS that is verified. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>

#include "uploader/address.h"

struct cp_post {
	const struct cp_address *to;
	const char *user, *password; /* Basic authorization when both are not empty */
	const char *content_type;
	const char *header; /* one more header line, or NULL */
	const void *body;
	size_t body_len;
	long timeout_ms; /* for all of it */
};

struct cp_reply {
	long status;	 /* 0: none was had */
	int not_http;	 /* something answered, but not in HTTP */
	char error[256]; /* why there is no status; empty when there is one */
};

/* Once, before there is a second thread; 0 or -EIO. */
int cp_http_start(void);
void cp_http_stop(void);
/* Any thread. The reply's body is ignored; its status counts as soon as its header is complete. */
void cp_http_post(const struct cp_post *post, struct cp_reply *reply);
