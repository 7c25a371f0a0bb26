/* parcel.h - one batch, encoded and ready to be delivered anywhere. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"
#include "uploader/custody.h"
#include "uploader/text.h"

struct cp_parcel {
	struct cp_parcel *next; /* in the queue that holds it */
	uint64_t ticket;	/* given by the queue */
	uint64_t program;	/* the family's number of the program */
	char stem[224];		/* NAME-CHANCE-PID-YYYYMMDDTHHMMSSZ-SEQ, fit for a file's name */
	struct cp_text event;	/* event.json */
	struct cp_bytes profiles[CP_PROFILES]; /* bare protobuf, or gzip when read from a spool */
	struct cp_config config;	       /* destinations, credentials, timeout, spool */
	struct cp_custody *custody;	       /* told once: in the spool, or freed; or NULL */
	/* the delivery's, under its lock */
	unsigned open; /* destinations that are not done with it: it is shared, not copied */
	int safe;      /* it outlives our process */
};

struct cp_parcel *cp_parcel_new(void);
void cp_parcel_free(struct cp_parcel *parcel);
size_t cp_parcel_size(const struct cp_parcel *parcel);

/* The end of the file's name of a profile in a folder: ".cpu.pprof". */
const char *cp_parcel_suffix(enum cp_profile profile);
/* text as part of a file's name: anything but letters, digits, . _ - becomes _; no dot in front. */
void cp_parcel_name(const char *text, char *out, size_t out_len);
