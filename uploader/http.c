/* http.c - one POST, with libcurl: over a unix socket, TCP, or TLS that is verified. */
/* SPDX-License-Identifier: MIT */
#include "uploader/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/attrs.h"
#include "uploader/tls.h"
#include "uploader/vault.h"

int cp_http_start(void)
{
	return curl_global_init_mem(CURL_GLOBAL_DEFAULT, cp_vault_get, cp_vault_give,
				    cp_vault_resize, cp_vault_copy, cp_vault_zeroed)
		   ? -EIO
		   : 0;
}

void cp_http_stop(void)
{
	curl_global_cleanup();
}

static void cleanup_easy(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void cleanup_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

/* Keeps what can be shown; what has been had is enough once that is full. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t keep(char *data, size_t size, size_t count, void *arg)
{
	struct cp_reply *reply = arg;
	size_t len = strlen(reply->body), had = size * count;
	for (size_t i = 0; i < had; i++) {
		unsigned char c = (unsigned char)data[i];
		if (len + 1 >= sizeof reply->body)
			return 0;
		reply->body[len++] = c < ' ' || c >= 0x7f ? ' ' : (char)c;
		reply->body[len] = '\0';
	}
	return had;
}

/* An empty line ends the header of a reply; before that a status may be half of one. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the type is curl's */
static size_t header_line(char *data, size_t size, size_t count, void *arg)
{
	int *complete = arg;
	size_t len = size * count;
	*complete = len <= 2 && (data[0] == '\r' || data[0] == '\n');
	return len;
}

static struct curl_slist *headers(const struct cp_post *post)
{
	char type[160];
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");
	snprintf(type, sizeof type, "Content-Type: %s", post->content_type);
	struct curl_slist *next = list ? curl_slist_append(list, type) : NULL;
	for (size_t i = 0; i < CP_MORE_HEADERS && post->headers[i] && next; i++) {
		list = next;
		next = curl_slist_append(list, post->headers[i]);
	}
	if (!next)
		curl_slist_free_all(list);
	return next;
}

static int authorize(CURL *curl, const struct cp_post *post)
{
	int e = 0;
	if (post->user && *post->user && post->password && *post->password) {
		e |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC) != CURLE_OK;
		e |= curl_easy_setopt(curl, CURLOPT_USERNAME, post->user) != CURLE_OK;
		e |= curl_easy_setopt(curl, CURLOPT_PASSWORD, post->password) != CURLE_OK;
	} else if (post->bearer && *post->bearer) {
		e |= curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BEARER) != CURLE_OK;
		e |= curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, post->bearer) != CURLE_OK;
	}
	return e;
}

/* Proxies are off and redirects are not followed: profiles go where the setting says, only. */
static int prepare(CURL *curl, const struct cp_post *post, struct curl_slist *list, int *complete)
{
	int e = 0;
	e |= curl_easy_setopt(curl, CURLOPT_URL, post->to->url) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_PROXY, "") != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_USERAGENT, "conprof/" CP_VERSION) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, post->timeout_ms) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, keep) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, header_line) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_HEADERDATA, complete) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_POST, 1L) != CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->body_len) !=
	     CURLE_OK;
	e |= curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body) != CURLE_OK;
	if (post->to->path[0])
		e |= curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, post->to->path) != CURLE_OK;
	e |= authorize(curl, post);
	return e ? -EINVAL : 0;
}

void cp_http_post(const struct cp_post *post, struct cp_reply *reply)
{
	*reply = (struct cp_reply){0};
	CURL *curl CP_CLEANUP(cleanup_easy) = curl_easy_init();
	struct curl_slist *list CP_CLEANUP(cleanup_list) = headers(post);
	char text[CURL_ERROR_SIZE] = "";
	int complete = 0;
	if (!curl || !list || prepare(curl, post, list, &complete)) {
		snprintf(reply->error, sizeof reply->error, "libcurl does not take the request");
		return;
	}
	if (strncmp(post->to->url, "https:", 6) == 0 &&
	    cp_tls_set(curl, post->config, reply->error, sizeof reply->error))
		return;
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
	long status = 0;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (complete && status >= 200) {
		curl_off_t after = 0;
		curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
		reply->retry_after_s = after < 0	    ? 0
				       : after > UINT32_MAX ? UINT32_MAX
							    : (uint32_t)after;
		reply->status = status;
		return;
	}
	reply->not_http = code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY;
	snprintf(reply->error, sizeof reply->error, "%s",
		 text[0] ? text : curl_easy_strerror(code));
	if (code == CURLE_OK)
		snprintf(reply->error, sizeof reply->error, "the reply was cut off");
}
