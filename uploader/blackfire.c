/* blackfire.c - a parcel to a Blackfire agent: the intake's request, and what its answer means. */
/* SPDX-License-Identifier: MIT */
#include "uploader/blackfire.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/http.h"
#include "uploader/mark.h"
#include "uploader/request.h"

#define TOO_OLD "continuous profiling needs Blackfire Agent >= 2.13.0"

static enum cp_verdict judge(const struct cp_address *address, const struct cp_reply *reply,
			     char *why, size_t why_len)
{
	const char *at = address->path[0] ? address->path : address->url;
	if (reply->status >= 200 && reply->status < 300)
		return CP_SENT;
	if (reply->status == 404 || reply->not_http)
		snprintf(why, why_len, TOO_OLD " (%s %s)", at,
			 reply->not_http ? "does not speak HTTP" : "answered 404");
	else if (reply->status)
		snprintf(why, why_len, "%s answered %ld", at, reply->status);
	else
		snprintf(why, why_len, "%s: %s", at, reply->error);
	return reply->status && reply->status != 404 && reply->status < 500 ? CP_REFUSED : CP_AGAIN;
}

/* Profiles out of a spool are gzip already, which the intake tells by its magic. */
static int pack(const struct cp_parcel *parcel, struct cp_bytes packed[CP_PROFILES])
{
	for (int i = 0; i < CP_PROFILES; i++) {
		const struct cp_bytes *bytes = &parcel->profiles[i];
		int gzip = bytes->len > 2 && bytes->data[0] == 0x1f && bytes->data[1] == 0x8b;
		if (!bytes->len)
			continue;
		int error = 0;
		if (!gzip)
			error = cp_zstd(bytes, &packed[i]);
		else if ((packed[i].data = malloc(bytes->len)))
			memcpy(packed[i].data, bytes->data, packed[i].len = bytes->len);
		else
			error = -ENOMEM;
		if (error)
			return error;
	}
	return 0;
}

static int build(const struct cp_parcel *parcel, char boundary[CP_BOUNDARY], struct cp_text *body)
{
	struct cp_bytes packed[CP_PROFILES] = {0};
	int error = pack(parcel, packed);
	if (!error)
		error = cp_request_boundary(boundary);
	if (!error)
		error = cp_request_body(packed, parcel->event.data, boundary, body);
	for (int i = 0; i < CP_PROFILES; i++)
		free(packed[i].data);
	return error;
}

enum cp_verdict cp_blackfire_send(const struct cp_address *address,
				  const struct cp_secrets *secrets, const struct cp_parcel *parcel,
				  long timeout_ms, char *why, size_t why_len)
{
	char boundary[CP_BOUNDARY], type[128], key[CP_STEM + 32];
	struct cp_text body = {0};
	struct cp_reply reply;
	const struct cp_login login = cp_secrets_login(secrets, &parcel->config);
	if (address->is_default && access(address->path, F_OK) && errno == ENOENT) {
		snprintf(why, why_len, "there is no agent at %s", address->path);
		return CP_ABSENT;
	}
	int error = build(parcel, boundary, &body);
	if (error) {
		snprintf(why, why_len, "the request could not be built: %s", cp_text_error(error));
		cp_text_free(&body);
		return CP_AGAIN;
	}
	snprintf(type, sizeof type, "multipart/form-data; boundary=%s", boundary);
	/* the same whenever it is sent: who got it just before we were killed may tell by it */
	snprintf(key, sizeof key, "Idempotency-Key: \"%s\"", parcel->stem);
	cp_http_post(&(struct cp_post){.to = address,
				       .user = login.user,
				       .password = login.password,
				       /* a token without a server id is none of ours to tell */
				       .bearer = secrets->password[0] ? login.bearer : NULL,
				       .config = &parcel->config,
				       .content_type = type,
				       .headers = {key},
				       .body = body.data,
				       .body_len = body.len,
				       .timeout_ms = timeout_ms},
		     &reply);
	cp_text_free(&body);
	return judge(address, &reply, why, why_len);
}
