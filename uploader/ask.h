/* ask.h - one request to the listener, and the answer to it.
 *
 * A letter that goes from the listener's thread to the main loop and comes back with the answer
 * written on it (mailbox.h). Only who holds it reads or writes it, so it needs no lock. */
/* SPDX-License-Identifier: MIT */
#pragma once
#include "uploader/family.h"

enum cp_method { CP_GET = 1, CP_HEAD = 2, CP_POST = 4 };

#define CP_ASK_BODY_MAX (1u << 20)
#define CP_ASK_HEADERS	4

struct cp_mailbox;

struct cp_ask {
	struct cp_source source; /* the client's socket, watched while it waits */
	struct cp_ask *next;
	struct cp_mailbox *box; /* that it came through, which wants it back; else NULL */
	void (*back)(struct cp_ask *ask);
	void *connection; /* the listener's */
	enum cp_method method;
	char *path;	   /* unescaped */
	const char *query; /* as it came, behind '?'; empty when there is none */
	struct cp_text body;

	/* Of who serves it, in the main loop. If it does not answer at once it sets gone, which is
	 * called when the client has gone away or the uploader leaves: then it lets go of all that
	 * it holds for this one, and does not answer any more. due is called once, when due_ns has
	 * come. */
	void (*gone)(struct cp_family *family, struct cp_ask *ask);
	void (*due)(struct cp_family *family, struct cp_ask *ask);
	uint64_t due_ns; /* CLOCK_MONOTONIC */
	void *state;

	/* the answer */
	unsigned status; /* 0: none yet */
	const char *type;
	struct cp_bytes content;
	const void *fixed; /* in place of content.data: somebody else's, for good */
	struct {
		const char *name;
		char value[480];
	} headers[CP_ASK_HEADERS];
	unsigned header_count;
};

/* uri as it came. NULL: out of memory. A path that is none has the answer 400 already. */
struct cp_ask *cp_ask_new(const char *uri);
void cp_ask_free(struct cp_ask *ask);
/* More of its body; one that is too long is answered with 413. */
void cp_ask_add_body(struct cp_ask *ask, const char *bytes, size_t len);

/* Header lines besides those that each answer has; name is a constant. More than fit are left out.
 */
void cp_ask_header(struct cp_ask *ask, const char *name, const char *value);
/* The answer, whose content is taken over; text that has failed becomes 500. From here on the ask
 * belongs to the listener. */
void cp_ask_text(struct cp_ask *ask, const char *type, struct cp_text *text);
void cp_ask_bytes(struct cp_ask *ask, const char *type, struct cp_bytes *bytes);
void cp_ask_fixed(struct cp_ask *ask, unsigned status, const char *type, const void *data,
		  size_t len);
/* As Go's net/http/pprof says errors: one line of text, X-Go-Pprof: 1. */
void cp_ask_error(struct cp_ask *ask, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
