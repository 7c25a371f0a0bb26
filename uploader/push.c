/* push.c - a parcel to a server that keeps series of profiles: cut, put into requests, sent. */
/* SPDX-License-Identifier: MIT */
#include "uploader/push.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attrs.h"
#include "uploader/json.h"
#include "uploader/mark.h"
#include "uploader/request.h"

/* A server takes so many bytes in a second, unless told otherwise. */
#define BYTES_PER_S 4000000u

struct pieces {
	struct cp_piece *all;
	size_t count;
	int damaged; /* profiles that are none */
};

static void free_pieces(struct pieces *pieces)
{
	for (size_t i = 0; i < pieces->count; i++)
		free(pieces->all[i].bytes.data);
	free(pieces->all);
}

/* Takes the parts' bytes. */
static int add_parts(struct pieces *pieces, struct cp_parts *parts, struct cp_piece like)
{
	struct cp_piece *all =
	    realloc(pieces->all, (pieces->count + parts->count) * sizeof *pieces->all);
	if (!all)
		return -ENOMEM;
	pieces->all = all;
	for (size_t i = 0; i < parts->count; i++) {
		like.number = (unsigned)i;
		like.bytes = parts->all[i];
		parts->all[i] = (struct cp_bytes){0};
		all[pieces->count++] = like;
	}
	return 0;
}

static int add_series(struct pieces *pieces, const struct cp_parcel *parcel,
		      const struct cp_cut *cut, enum cp_profile profile, unsigned variant)
{
	static const char *const names[CP_PROFILES] = {[CP_PROFILE_HEAP] = "memory",
						       [CP_PROFILE_THREADS] = "goroutine",
						       [CP_PROFILE_CPU] = "process_cpu"};
	struct cp_parts parts;
	int error = cp_cut(&parcel->profiles[profile], cut, &parts);
	/* a file of the spool may be damaged: the others are none the worse for it */
	if (error == -EBADMSG || error == -EFBIG) {
		pieces->damaged++;
		return 0;
	}
	if (!error)
		error = add_parts(pieces, &parts,
				  (struct cp_piece){names[profile], profile, variant, 0, {0}});
	cp_parts_free(&parts);
	return error;
}

#define ALLOCATED (1u | 2u)
#define IN_USE	  (4u | 8u)

static int make_pieces(struct pieces *pieces, const struct cp_parcel *parcel,
		       const struct cp_push_kind *kind)
{
	int error = 0;
	for (int i = 0; i < CP_PROFILES && !error; i++) {
		enum cp_profile profile = cp_request_order[i];
		struct cp_cut cut = kind->cut;
		cut.duration_ns = -1;
		if (!parcel->profiles[profile].len)
			continue;
		if (kind->splits_heap && profile == CP_PROFILE_THREADS)
			cut.duration_ns = 0;
		if (kind->splits_heap && profile == CP_PROFILE_HEAP) {
			cut.types = IN_USE;
			cut.duration_ns = 0;
			error = add_series(pieces, parcel, &cut, profile, 1);
			/* the first has no duration of its own, but is of a period all the same */
			cut.types = ALLOCATED;
			cut.duration_ns = -1;
			cut.unsaid_ns = (int64_t)parcel->config.period_s * 1000000000;
		}
		if (!error)
			error = add_series(pieces, parcel, &cut, profile, 0);
	}
	return error;
}

static struct cp_push_half *half_of(struct cp_push_progress *progress, uint64_t parcel)
{
	for (size_t i = 0; i < CP_PUSH_HALVES; i++)
		if (progress->halves[i].parcel == parcel)
			return &progress->halves[i];
	struct cp_push_half *half = &progress->halves[progress->next++ % CP_PUSH_HALVES];
	*half = (struct cp_push_half){.parcel = parcel};
	return half;
}

static const char *message_of(const struct cp_reply *reply, char *out, size_t room)
{
	struct cp_text text = {0};
	int has = cp_json_text(reply->body, strlen(reply->body), "message", &text);
	snprintf(out, room, "%.300s", has ? text.data : reply->body);
	for (char *c = out; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = ' ';
	cp_text_free(&text);
	return out;
}

/* What Connect's codes say beyond the status: aborted, for one, is a 409. */
static int says_again(const struct cp_reply *reply)
{
	static const char *const again[] = {"unknown",	 "internal", "unavailable",
					    "data_loss", "aborted",  "deadline_exceeded"};
	struct cp_text code = {0};
	int found = 0;
	if (cp_json_text(reply->body, strlen(reply->body), "code", &code))
		for (size_t i = 0; i < sizeof again / sizeof again[0]; i++)
			found |= strcmp(code.data, again[i]) == 0;
	cp_text_free(&code);
	return found;
}

enum cp_verdict cp_push_judge(const struct cp_address *address, const struct cp_reply *reply,
			      char *why, size_t why_len)
{
	char message[310];
	long status = reply->status;
	if (status >= 200 && status < 300)
		return CP_SENT;
	if (!status) {
		snprintf(why, why_len, "%s: %s", address->url, reply->error);
		return CP_AGAIN;
	}
	message_of(reply, message, sizeof message);
	snprintf(why, why_len, "%s answered %ld%s%s", address->url, status, message[0] ? ": " : "",
		 message);
	return status == 408 || status == 429 || status >= 500 || says_again(reply) ? CP_AGAIN
										    : CP_REFUSED;
}

struct sending {
	const struct cp_address *address;
	const struct cp_secrets *secrets;
	const struct cp_parcel *parcel;
	const struct cp_push_kind *kind;
	struct cp_series series;
	uint64_t until;
	int mark;
	struct cp_push_half *half;
	struct cp_told *told;
};

static enum cp_verdict post(struct sending *s, const struct cp_text *body, uint64_t now)
{
	const struct cp_config *config = &s->parcel->config;
	char tenant[sizeof config->tenant + 20];
	struct cp_reply reply;
	const struct cp_login login = cp_secrets_login(s->secrets, config);
	struct cp_post it = {.to = s->address,
			     .user = login.user,
			     .password = login.password,
			     .bearer = login.bearer,
			     .config = config,
			     .content_type = s->kind->type,
			     .headers = {s->kind->encoding},
			     .body = body->data,
			     .body_len = body->len,
			     .timeout_ms = (long)((s->until - now) / 1000000)};
	snprintf(tenant, sizeof tenant, "X-Scope-OrgID: %s", config->tenant);
	if (config->tenant[0] && s->address->kind == CP_ADDRESS_PYROSCOPE)
		it.headers[1] = tenant;
	cp_http_post(&it, &reply);
	s->told->after_s = reply.retry_after_s;
	return cp_push_judge(s->address, &reply, s->told->why, sizeof s->told->why);
}

/* How many pieces from here on fit into one request; at least one. */
static size_t pieces_from(const struct pieces *pieces, size_t from, size_t max, size_t *bytes)
{
	size_t n = from;
	*bytes = 0;
	while (n < pieces->count && (n == from || *bytes + pieces->all[n].bytes.len <= max))
		*bytes += pieces->all[n++].bytes.len;
	return n - from;
}

/* So that the next request is within what a server takes in a second. */
static void pause_for(size_t bytes, uint64_t until)
{
	uint64_t ns = (uint64_t)bytes * 1000000000u / BYTES_PER_S, now = cp_text_monotonic();
	if (now >= until || ns > until - now)
		return;
	struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
			      .tv_nsec = (long)(ns % 1000000000u)};
	nanosleep(&ts, NULL);
}

/* What the uploader before us has noted in the mark. It holds if it is of these very requests:
 * another version may have cut in another way; and a mark is only a file. */
static void carry_on(struct sending *s, const struct pieces *pieces)
{
	struct cp_mark_note noted;
	uint64_t found = 0;
	size_t at = 0, count, bytes;
	if (s->half->done || cp_mark_noted(s->mark, &noted))
		return;
	for (uint32_t n = 0; n < noted.done && at < pieces->count; n++, at += count) {
		count = pieces_from(pieces, at, s->kind->request_max, &bytes);
		found = cp_push_print(found, pieces->all + at, count);
	}
	if (noted.done && at < pieces->count && found == noted.print) {
		s->half->done = noted.done;
		s->half->refused = noted.refused;
	}
}

/* All requests from the first that has not been answered for good on. One that is refused does not
 * stop the others: it would be refused again. */
static enum cp_verdict send_all(struct sending *s, const struct pieces *pieces)
{
	size_t bytes, count;
	uint32_t number = 0;
	uint64_t print = 0;
	for (size_t at = 0; at < pieces->count; at += count, number++) {
		count = pieces_from(pieces, at, s->kind->request_max, &bytes);
		int more = at + count < pieces->count;
		if (more && s->mark >= 0)
			print = cp_push_print(print, pieces->all + at, count);
		if (number < s->half->done)
			continue;
		uint64_t now = cp_text_monotonic();
		struct cp_text body CP_CLEANUP(cp_text_free) = {0};
		int error =
		    s->kind->body(&s->series, pieces->all + at, count, &s->parcel->event, &body);
		if (error || now + 1000000 >= s->until) {
			snprintf(s->told->why, sizeof s->told->why, "%s: %s", s->address->url,
				 error ? cp_text_error(error) : "there was no time left");
			return CP_AGAIN;
		}
		enum cp_verdict verdict = post(s, &body, now);
		if (verdict == CP_AGAIN)
			return CP_AGAIN;
		s->half->refused |= verdict == CP_REFUSED;
		s->half->done = number + 1;
		if (more)
			cp_mark_note(s->mark, &(struct cp_mark_note){s->half->done,
								     s->half->refused, print});
		if (verdict == CP_SENT && more)
			pause_for(bytes, s->until);
	}
	return s->half->refused ? CP_REFUSED : CP_SENT;
}

static enum cp_verdict send_pieces(struct sending *s, struct cp_push_progress *progress,
				   const struct pieces *pieces)
{
	const struct cp_text *event = &s->parcel->event;
	cp_series_of_event(&s->series, event->data, event->len, s->parcel->stem, s->kind->names);
	s->half = half_of(progress, cp_push_hash(event));
	carry_on(s, pieces);
	if (s->half->refused)
		snprintf(s->told->why, sizeof s->told->why,
			 "%s: one request was, in an earlier attempt", s->address->url);
	enum cp_verdict verdict = send_all(s, pieces);
	if (verdict == CP_AGAIN)
		return verdict;
	*s->half = (struct cp_push_half){0}; /* the same, should it ever come again, is another */
	if (pieces->damaged) {
		snprintf(s->told->why, sizeof s->told->why, "%s: %d damaged profile%s",
			 s->parcel->stem, pieces->damaged, pieces->damaged == 1 ? "" : "s");
		return CP_REFUSED;
	}
	return verdict;
}

enum cp_verdict cp_push_send(const struct cp_address *address, const struct cp_secrets *secrets,
			     const struct cp_parcel *parcel, struct cp_push_how how,
			     struct cp_push_progress *progress, struct cp_told *told)
{
	struct pieces pieces = {0};
	int parca = address->kind == CP_ADDRESS_PARCA;
	struct sending sending = {.address = address,
				  .secrets = secrets,
				  .parcel = parcel,
				  .mark = how.mark,
				  .kind = parca ? &cp_parca : &cp_pyroscope,
				  .until =
				      cp_text_monotonic() + (uint64_t)how.timeout_ms * 1000000u,
				  .told = told};
	told->after_s = 0;
	int error = make_pieces(&pieces, parcel, sending.kind);
	enum cp_verdict verdict = error ? CP_AGAIN : send_pieces(&sending, progress, &pieces);
	if (error)
		snprintf(told->why, sizeof told->why, "the request could not be built: %s",
			 cp_text_error(error));
	free_pieces(&pieces);
	return verdict;
}
