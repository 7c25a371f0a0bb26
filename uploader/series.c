/* series.c - what a time series of profiles is called at a server that keeps series: its labels. */
/* SPDX-License-Identifier: MIT */
#include "uploader/series.h"

#include <stdio.h>
#include <string.h>

#include "encoder/text.h"
#include "uploader/json.h"

/* At most room - 1 bytes, whole characters, valid. */
static void copy(char *out, size_t room, const char *text, size_t len)
{
	size_t n = len < room ? len : room - 1;
	while (n && n < len && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	memcpy(out, text, n);
	out[n] = '\0';
	cp_text_clean(out, n);
}

void cp_series_add(struct cp_series *series, const char *name, const char *value)
{
	struct cp_label label;
	size_t at = 0;
	copy(label.name, sizeof label.name, name, strlen(name));
	copy(label.value, sizeof label.value, value, strlen(value));
	while (at < series->count && strcmp(series->labels[at].name, label.name) < 0)
		at++;
	if (!label.name[0] || !label.value[0] || series->count == CP_SERIES_LABELS ||
	    (at < series->count && strcmp(series->labels[at].name, label.name) == 0))
		return;
	memmove(&series->labels[at + 1], &series->labels[at], (series->count - at) * sizeof label);
	series->labels[at] = label;
	series->count++;
}

/* Tags that are told under another name, or that would make a series of each process or upload. Of
 * how a process ended the signal remains, and whether memory had run out: by those a crash is
 * found. */
static int is_ours(const char *key, size_t len)
{
	static const char *const ours[] = {
	    "process_id",	"profiler_version", "runtime_os",
	    "runtime_arch",	"runtime-id",	    "language",
	    "runtime",		"probe_version",    "host",
	    "application_name", "service",	    "profile_seq",
	    "runtime_version",	"runtime_compiler", "process_ended",
	    "core_dumped",	"exit_status",	    "processes_ended",
	    "ended_by_signal",	"ended_by_oom",	    "exit_failed"};
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strlen(ours[i]) == len && memcmp(ours[i], key, len) == 0)
			return 1;
	return 0;
}

/* A key of any characters as a label's name. Those that begin with __ belong to the server. */
static void add_tag(struct cp_series *series, const char *key, size_t key_len, const char *value,
		    size_t value_len, unsigned how)
{
	char name[CP_LABEL_NAME], text[CP_LABEL_VALUE];
	size_t n = 0;
	if (key[0] >= '0' && key[0] <= '9')
		name[n++] = '_';
	for (size_t i = 0; i < key_len && n + 1 < sizeof name; i++) {
		char c = key[i];
		int fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			   (c >= '0' && c <= '9') || (c == '.' && how & CP_SERIES_DOTS);
		name[n++] = fine ? c : '_';
	}
	name[n] = '\0';
	copy(text, sizeof text, value, value_len);
	if (strncmp(name, "__", 2) != 0)
		cp_series_add(series, name, text);
}

/* A tag of this key; out is empty when there is none. */
static void find_tag(const char *tags, const char *key, char *out, size_t room)
{
	size_t len = strlen(key);
	out[0] = '\0';
	for (const char *at = tags; at; at = strchr(at, ','), at = at ? at + 1 : NULL)
		if (strncmp(at, key, len) == 0 && at[len] == ':') {
			copy(out, room, at + len + 1, strcspn(at + len + 1, ","));
			return;
		}
}

/* A stem is NAME-CHANCE-PID-TIME-SEQ. */
static void name_of_stem(const char *stem, char out[CP_LABEL_VALUE])
{
	size_t len = strlen(stem);
	for (int dashes = 0; dashes < 3 && len > 0;)
		dashes += stem[--len] == '-';
	if (len > 9 && stem[len - 9] == '-' && strspn(stem + len - 8, "0123456789abcdef") >= 8)
		len -= 9; /* older ones have no CHANCE */
	copy(out, CP_LABEL_VALUE, stem, len ? len : strlen(stem));
}

static void add_service(struct cp_series *series, const char *tags, const char *stem)
{
	char name[CP_LABEL_VALUE] = "";
	find_tag(tags, "application_name", name, sizeof name);
	if (!name[0])
		find_tag(tags, "service", name, sizeof name);
	if (!name[0])
		name_of_stem(stem, name);
	cp_series_add(series, "service_name", name[0] ? name : "unknown");
}

static void add_maker(struct cp_series *series, const char *tags, unsigned how)
{
	char version[CP_LABEL_VALUE] = "";
	int dots = how & CP_SERIES_DOTS;
	find_tag(tags, "profiler_version", version, sizeof version);
	cp_series_add(series, dots ? "otel.scope.name" : "otel_scope_name", "libconprof");
	cp_series_add(series, dots ? "otel.scope.version" : "otel_scope_version",
		      version + (version[0] == 'v'));
	cp_series_add(series, dots ? "process.runtime.name" : "process_runtime_name", "native");
}

void cp_series_of_event(struct cp_series *series, const char *event, size_t len, const char *stem,
			unsigned how)
{
	struct cp_text text = {0};
	char host[CP_LABEL_VALUE] = "";
	series->count = 0;
	cp_json_text(event, len, "tags_profiler", &text);
	const char *tags = text.data ? text.data : "";
	add_service(series, tags, stem);
	add_maker(series, tags, how);
	find_tag(tags, "host", host, sizeof host);
	cp_series_add(series, "hostname", host);
	for (const char *at = tags; *at; at += *at == ',') {
		size_t n = strcspn(at, ",");
		const char *colon = memchr(at, ':', n);
		/* two places stay for the name of the profile, and for what only one server wants
		 */
		if (colon && colon > at && series->count < CP_SERIES_LABELS - 4 &&
		    !is_ours(at, (size_t)(colon - at)))
			add_tag(series, at, (size_t)(colon - at), colon + 1,
				n - (size_t)(colon - at) - 1, how);
		at += n;
	}
	cp_text_free(&text);
}
