/* live.c - the page to look at, and what it asks for: routes of the listener. */
/* SPDX-License-Identifier: MIT */
#include "uploader/live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uploader/history.h"
#include "uploader/live_state.h"
#include "uploader/page.h"
#include "uploader/query.h"

/* What is here is nobody's to embed or to fetch but the page's own. */
static void guard(struct cp_ask *ask)
{
	cp_ask_header(ask, "Referrer-Policy", "no-referrer");
	cp_ask_header(ask, "Cross-Origin-Resource-Policy", "same-origin");
}

static int is_absent(struct cp_family *family, struct cp_ask *ask)
{
	if (!family->history)
		cp_ask_error(ask, 503, "503 Service Unavailable: nothing is kept yet");
	return !family->history;
}

void cp_live_page(struct cp_family *family, struct cp_ask *ask)
{
	struct cp_text page = {0}, policy = {0};
	(void)family;
	cp_page_live(&page);
	cp_page_policy(&policy);
	if (policy.failed) {
		cp_text_free(&page);
		cp_text_free(&policy);
		cp_ask_error(ask, 500, "out of memory");
		return;
	}
	guard(ask);
	cp_ask_header(ask, "Content-Security-Policy", policy.data);
	cp_text_free(&policy);
	cp_ask_text(ask, "text/html; charset=utf-8", &page);
}

static uint64_t number(const struct cp_ask *ask, const char *key)
{
	long long value = cp_query_number(ask->query, key, 0);
	return value > 0 ? (uint64_t)value : 0;
}

void cp_live_told(struct cp_family *family, struct cp_ask *ask)
{
	struct cp_text out = {0};
	if (is_absent(family, ask))
		return;
	cp_live_state(family, number(ask, "program"), number(ask, "since"), &out);
	guard(ask);
	cp_ask_text(ask, "application/json", &out);
}

static int copy_print(struct cp_history *history, uint64_t program, uint64_t seq, int which,
		      struct cp_print *out)
{
	int error = 1;
	cp_history_lock(history);
	for (const struct cp_print *print = cp_history_prints(history); print; print = print->next)
		if (print->program == program && print->seq == seq && print->profiles[which].len) {
			const struct cp_bytes *from = &print->profiles[which];
			struct cp_bytes *to = &out->profiles[which];
			memcpy(out->stem, print->stem, sizeof out->stem);
			to->data = malloc(from->len);
			if (to->data) {
				memcpy(to->data, from->data, from->len);
				to->len = from->len;
				error = 0;
			}
			break;
		}
	cp_history_unlock(history);
	return error;
}

void cp_live_profile(struct cp_family *family, struct cp_ask *ask)
{
	static const char *const names[CP_PROFILES] = {
	    [CP_PROFILE_HEAP] = "heap", [CP_PROFILE_THREADS] = "threads", [CP_PROFILE_CPU] = "cpu"};
	struct cp_print print = {0};
	char name[16], file[sizeof print.stem + 64];
	int which = 0;
	if (is_absent(family, ask))
		return;
	if (!cp_query_value(ask->query, "name", name, sizeof name))
		name[0] = '\0';
	while (which < CP_PROFILES && strcmp(names[which], name) != 0)
		which++;
	if (which == CP_PROFILES || copy_print(family->history, number(ask, "program"),
					       number(ask, "period"), which, &print)) {
		cp_ask_error(ask, 404, "404 no such profile is kept here");
		return;
	}
	snprintf(file, sizeof file, "attachment; filename=\"%s%s\"", print.stem,
		 cp_parcel_suffix((enum cp_profile)which));
	guard(ask);
	cp_ask_header(ask, "Content-Disposition", file);
	cp_ask_bytes(ask, "application/octet-stream", &print.profiles[which]);
}
