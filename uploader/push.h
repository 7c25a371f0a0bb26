/* push.h - a parcel to a server that keeps series of profiles: Pyroscope, Parca. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/cut.h"
#include "uploader/blackfire.h"
#include "uploader/http.h"
#include "uploader/series.h"

/* A profile, or a part of one, as it is sent. */
struct cp_piece {
	const char *name; /* __name__ of its series */
	enum cp_profile profile;
	unsigned variant, number; /* which of the profile's series, and the how manieth part */
	struct cp_bytes bytes;	  /* bare protobuf */
};

/* How one kind of server wants it. */
struct cp_push_kind {
	struct cp_cut cut;	     /* what it takes, types and duration aside */
	size_t request_max;	     /* bare bytes of profiles in one request */
	unsigned names;		     /* CP_SERIES_DOTS */
	unsigned splits_heap;	     /* what is in use is a series of its own, of moments */
	const char *type, *encoding; /* header Content-Type, and the whole of another; or NULL */
	/* The body of a request for these pieces. 0 or -errno. */
	int (*body)(const struct cp_series *series, const struct cp_piece *pieces, size_t count,
		    const struct cp_text *event, struct cp_text *out);
};
extern const struct cp_push_kind cp_pyroscope, cp_parca;

/* How far parcels of several requests came that could not be sent to their ends: what has arrived,
 * or was refused, is not sent again. Of the last few parcels; zeroed is empty. */
#define CP_PUSH_HALVES 16
struct cp_push_half {
	uint64_t parcel;
	uint32_t done;	  /* requests that have been answered for good */
	uint32_t refused; /* one of them was */
};
struct cp_push_progress {
	struct cp_push_half halves[CP_PUSH_HALVES];
	unsigned next;
};

/* What is said of an attempt: one line for the log, unless CP_SENT; and how long the server asks to
 * be left alone (0: nothing was said). */
struct cp_told {
	char why[900];
	uint32_t after_s;
};

/* For how long, and the parcel's mark, held by us, where its progress is kept for the next
 * uploader; or -1. */
struct cp_push_how {
	long timeout_ms;
	int mark;
};

/* Any thread. */
enum cp_verdict cp_push_send(const struct cp_address *address, const struct cp_secrets *secrets,
			     const struct cp_parcel *parcel, struct cp_push_how how,
			     struct cp_push_progress *progress, struct cp_told *told);

/* What an answer means. */
enum cp_verdict cp_push_judge(const struct cp_address *address, const struct cp_reply *reply,
			      char *why, size_t why_len);

/* Of the same event, and of the same event and piece, always the same. */
uint64_t cp_push_hash(const struct cp_text *event);
/* Of these pieces and of those before them, whose print was that; 0: there were none. */
uint64_t cp_push_print(uint64_t before, const struct cp_piece *pieces, size_t count);
void cp_push_uuid(const struct cp_text *event, const struct cp_piece *piece, char uuid[37]);
