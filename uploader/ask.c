/* ask.c - one request to the listener, and the answer to it. */
/* SPDX-License-Identifier: MIT */
#include "uploader/ask.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/query.h"

struct cp_ask *cp_ask_new(const char *uri)
{
	struct cp_ask *ask = calloc(1, sizeof *ask);
	if (ask)
		ask->path = strdup(uri);
	if (!ask || !ask->path) {
		free(ask);
		return NULL;
	}
	ask->source = (struct cp_source){CP_SOURCE_ASK, -1};
	char *query = strchr(ask->path, '?');
	if (query)
		*query++ = '\0';
	ask->query = query ? query : "";
	if (ask->path[0] != '/' || cp_query_unescape(ask->path, 0))
		cp_ask_error(ask, 400, "400 Bad Request: this is no path");
	return ask;
}

void cp_ask_free(struct cp_ask *ask)
{
	if (!ask)
		return;
	cp_text_free(&ask->body);
	free(ask->content.data);
	free(ask->path);
	free(ask);
}

void cp_ask_add_body(struct cp_ask *ask, const char *bytes, size_t len)
{
	if (ask->status)
		return;
	if (ask->body.len + len <= CP_ASK_BODY_MAX)
		cp_text_add_bytes(&ask->body, bytes, len);
	else
		cp_ask_error(ask, 413, "413 Request Entity Too Large");
	if (ask->body.failed)
		cp_ask_error(ask, 500, "out of memory");
}

void cp_ask_header(struct cp_ask *ask, const char *name, const char *value)
{
	if (ask->header_count >= CP_ASK_HEADERS)
		return;
	unsigned at = ask->header_count++;
	ask->headers[at].name = name;
	snprintf(ask->headers[at].value, sizeof ask->headers[at].value, "%s", value);
}

static void finish(struct cp_ask *ask, unsigned status, const char *type)
{
	ask->type = type;
	ask->status = status;
	if (ask->box)
		ask->back(ask);
}

void cp_ask_bytes(struct cp_ask *ask, const char *type, struct cp_bytes *bytes)
{
	ask->content = *bytes;
	*bytes = (struct cp_bytes){0};
	finish(ask, 200, type);
}

void cp_ask_text(struct cp_ask *ask, const char *type, struct cp_text *text)
{
	struct cp_bytes bytes = {(uint8_t *)text->data, text->len};
	if (text->failed) {
		cp_text_free(text);
		cp_ask_error(ask, 500, "out of memory");
		return;
	}
	*text = (struct cp_text){0};
	cp_ask_bytes(ask, type, &bytes);
}

void cp_ask_fixed(struct cp_ask *ask, unsigned status, const char *type, const void *data,
		  size_t len)
{
	ask->fixed = data;
	ask->content.len = len;
	finish(ask, status, type);
}

void cp_ask_error(struct cp_ask *ask, unsigned status, const char *format, ...)
{
	char line[300];
	va_list args;
	va_start(args, format);
	int len = vsnprintf(line, sizeof line - 1, format, args);
	va_end(args);
	len = len < 0 ? 0 : len < (int)sizeof line - 1 ? len : (int)sizeof line - 2;
	line[len++] = '\n';
	line[len] = '\0';
	/* without memory the status has to say it alone */
	ask->content.data = (uint8_t *)strdup(line);
	ask->content.len = ask->content.data ? strlen(line) : 0;
	ask->header_count = 0;
	cp_ask_header(ask, "X-Go-Pprof", "1");
	finish(ask, status, "text/plain; charset=utf-8");
}
