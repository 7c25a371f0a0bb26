/* parcel.c - one batch, encoded and ready to be delivered anywhere. */
/* SPDX-License-Identifier: MIT */
#include "uploader/parcel.h"

#include <stdlib.h>
#include <string.h>

struct cp_parcel *cp_parcel_new(void)
{
	return calloc(1, sizeof(struct cp_parcel));
}

void cp_parcel_free(struct cp_parcel *parcel)
{
	if (!parcel)
		return;
	cp_custody_is_safe(parcel->custody);
	cp_text_free(&parcel->event);
	for (int i = 0; i < CP_PROFILES; i++)
		free(parcel->profiles[i].data);
	free(parcel);
}

size_t cp_parcel_size(const struct cp_parcel *parcel)
{
	size_t size = sizeof *parcel + parcel->event.cap;
	for (int i = 0; i < CP_PROFILES; i++)
		size += parcel->profiles[i].len;
	return size;
}

const char *cp_parcel_suffix(enum cp_profile profile)
{
	static const char *const suffixes[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = ".heap.pprof",
	    [CP_PROFILE_THREADS] = ".threads.pprof",
	    [CP_PROFILE_CPU] = ".cpu.pprof",
	};
	return suffixes[profile];
}

void cp_parcel_name(const char *text, char *out, size_t out_len)
{
	size_t n = 0;
	for (; *text && n + 1 < out_len; text++) {
		char c = *text;
		int fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || c == '_' || c == '-' || (c == '.' && n);
		out[n++] = fine ? c : '_';
	}
	if (!n && out_len > 1)
		out[n++] = '_';
	out[n] = '\0';
}
