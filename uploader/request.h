/* request.h - what one upload says: event.json and the multipart body. Pure: bytes in, bytes out.
 */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"
#include "uploader/ending.h"

/* What event.json tells about a batch. Strings end with NUL; empty is "not known". */
struct cp_event {
	int64_t start_ns, end_ns; /* realtime */
	unsigned profiles;	  /* CP_BIT()s of what is attached */
	int pid;
	uint64_t seq;
	uint64_t stopped_ns; /* of this time, by the switch or by people: not sampled */
	uint64_t dropped;    /* uploads given up so far, and refused by the agent */
	struct cp_coverage coverage[CP_PROFILES];
	uint64_t lost[CP_KINDS][CP_LOSSES];
	struct cp_endings endings; /* of processes in it */
	int alone;		   /* it is of one process */
	char runtime_id[37];
	char host[256];
	char service[256];
	char exe[1024];
	char cwd[512];
	const struct cp_config *config;
};

/* The name of the part and of its file at the intake: "cpu.pprof" and so on. */
const char *cp_request_name(enum cp_profile profile);
/* The profiles in the order in which they are attached; CPU is the last one. */
extern const enum cp_profile cp_request_order[CP_PROFILES];

/* event.json with its newline; 0 or -ENOMEM. */
int cp_request_event(const struct cp_event *event, struct cp_text *out);
/* key:value,key:value; each key once: what a label would say of a key of ours is left out. */
void cp_request_tags(const struct cp_event *event, struct cp_text *out);

#define CP_BOUNDARY 61
/* 60 hex digits of chance. 0 or -errno. */
int cp_request_boundary(char boundary[CP_BOUNDARY]);
/* The body: parts with len > 0 in attachment order, then the event. 0 or -ENOMEM. */
int cp_request_body(const struct cp_bytes parts[CP_PROFILES], const char *event,
		    const char *boundary, struct cp_text *out);
/* uuid version 4; 0 or -errno. */
int cp_request_uuid(char uuid[37]);
