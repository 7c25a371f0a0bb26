/* status.h - what an uploader tells about itself, and `conprof status`.
 *
 * The answer is lines; a line is a word and fields "key=value", separated by tabs. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

#define CP_STATUS_MAX (160u << 10) /* what a socket's default buffer holds in one message */

void cp_status_write(struct cp_family *family, const char *name, struct cp_text *out);

/* Asks whoever listens at name; out gets the answer. 0 or -errno. Waits 0.3 s at most. */
int cp_status_ask(const char *name, struct cp_text *out);
/* The same for a person, to whom nobody who listens may be missing without a word: waits until
 * then, by the monotonic clock, but 0.3 s at least. -EAGAIN: it did not answer, and out has the
 * line that says so. */
int cp_status_wait(const char *name, uint64_t until_ns, struct cp_text *out);
/* So long all of them together are waited for. */
#define CP_STATUS_WAIT_NS UINT64_C(1000000000)
/* Whether a line is of this kind, its first word. */
int cp_status_is_kind(const char *line, const char *kind);
/* The line after this one; NULL at the end. */
const char *cp_status_next(const char *line);
/* The value of key in a line, up to the next tab or the end of the line, into out; 1 when found. */
int cp_status_field(const char *line, const char *key, char *out, size_t out_len);
/* Such lines as a JSON array of objects: {"kind": the word, and all fields, as strings}. */
void cp_status_json(const char *lines, struct cp_text *out);
/* Such lines for people: the uploader's line stands at the margin, the others below it. shortened:
 * of the many lines that say how processes ended and what was uploaded, the last few. */
void cp_status_plain(const char *lines, int shortened, struct cp_text *out);
/* `conprof status`; the exit status. */
int cp_status_main(int json);
