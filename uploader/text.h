/* text.h - a growing text, and the ways things are written into one: JSON, UTF-8, times. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty and ready. After a failed allocation it stays as it was and says failed, so that
 * a writer adds and adds and looks once at the end. data, when there is one, ends with NUL. */
struct cp_text {
	char *data;
	size_t len, cap;
	int failed;
};

void cp_text_free(struct cp_text *text); /* fits CP_CLEANUP */
void cp_text_add_bytes(struct cp_text *text, const void *bytes, size_t len);
void cp_text_add(struct cp_text *text, const char *s);
void cp_text_addf(struct cp_text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A tab, key=s: a field of a line for machines and terminals. What would end the field or the line,
 * or say something to a terminal, is a "?". */
void cp_text_add_field(struct cp_text *text, const char *key, const char *s);
/* s as a JSON string with its quotes, as Go's encoder writes it: <, > and & as \u00xx, whatever is
 * not UTF-8 as U+FFFD. */
void cp_text_add_json(struct cp_text *text, const char *s);
/* RFC 3339 in UTC, the fraction without trailing zeros. */
void cp_text_add_time(struct cp_text *text, int64_t realtime_ns);

/* 20260413T120000Z, for file names; out holds 17 bytes. */
void cp_text_stamp(int64_t realtime_ns, char out[17]);
/* How many bytes at s are one valid UTF-8 character; 0 when they are none. s ends with NUL. */
size_t cp_text_utf8(const char *s);
/* The last component of a path. */
const char *cp_text_base(const char *path);

/* What a -errno means; any thread. */
const char *cp_text_error(int error);

int64_t cp_text_now(void);	  /* CLOCK_REALTIME, ns */
uint64_t cp_text_monotonic(void); /* CLOCK_MONOTONIC, ns */
/* At the end of a command: 0 when all that was written to stdout has arrived there, else 1, after a
 * line that says so. */
int cp_text_arrived(const char *command);
