/* page.h - the page that shows profiles: one file that asks for nothing outside itself. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "encoder/encoder.h"
#include "uploader/text.h"

struct cp_page_profile {
	const char *name;      /* of the file, as it can be downloaded again */
	struct cp_bytes bytes; /* gzip or bare protobuf: what a browser can unpack */
};

/* Profiles of one moment: of several kinds, or of several processes. */
struct cp_page_moment {
	const char *label;
	const struct cp_page_profile *profiles;
	size_t count;
};

/* The page with these moments, the latest last, in it; base: with which of them the last is
 * compared at first, or -1. out->failed when memory was out. */
void cp_page_make(const struct cp_page_moment *moments, size_t count, int base,
		  struct cp_text *out);
/* The page that asks whoever serves it for what there is (live.h). */
void cp_page_live(struct cp_text *out);
/* The Content-Security-Policy it goes out with. */
void cp_page_policy(struct cp_text *out);
