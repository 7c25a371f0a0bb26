/* await.c - waiting, bounded, until the uploader of a process has delivered, and telling where. */
/* SPDX-License-Identifier: MIT */
#include "uploader/await.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "uploader/rendezvous.h"
#include "uploader/status.h"

#define FOUND_WITHIN_NS UINT64_C(3000000000) /* after the end: a join that is still on its way */

static long long number(const char *line, const char *key)
{
	char value[24];
	return cp_status_field(line, key, value, sizeof value) ? strtoll(value, NULL, 10) : -1;
}

/* The line of this kind about the process, in the last answer. */
static const char *line_of(const struct cp_await *await, const char *kind)
{
	for (const char *line = await->last.data; line; line = cp_status_next(line))
		if (cp_status_is_kind(line, kind) && number(line, "pid") == await->pid)
			return line;
	return NULL;
}

static int ask(struct cp_await *await, const char *name)
{
	struct cp_text answer = {0};
	/* while the program runs its signals wait for us */
	int error = await->over
			? cp_status_wait(name, cp_text_monotonic() + CP_STATUS_WAIT_NS, &answer)
			: cp_status_ask(name, &answer);
	if (error) {
		cp_text_free(&answer);
		return error;
	}
	cp_text_free(&await->last);
	await->last = answer;
	return 0;
}

/* Nobody listens at the name any more. One that is only slow to answer is asked again. */
static int has_gone(struct cp_await *await)
{
	return ask(await, await->name) == -ECONNREFUSED;
}

void cp_await_find(struct cp_await *await)
{
	char name[32];
	FILE *stream = fopen("/proc/net/unix", "re");
	if (!stream)
		return;
	while (!await->name[0] && cp_rendezvous_next(stream, name))
		if (!ask(await, name) && (line_of(await, "process") || line_of(await, "ended")))
			snprintf(await->name, sizeof await->name, "%s", name);
	fclose(stream);
}

static void ask_delivery(struct cp_await *await)
{
	int fd = cp_rendezvous_connect(await->name);
	if (fd < 0)
		return;
	cp_rendezvous_send(fd, await->pid, -1);
	close(fd);
	await->asked = 1;
}

static int others_live(const struct cp_await *await)
{
	for (const char *line = await->last.data; line; line = cp_status_next(line))
		if (cp_status_is_kind(line, "family"))
			return number(line, "processes") > 0;
	return 0;
}

static int all_handed_in(const struct cp_await *await)
{
	for (const char *line = await->last.data; line; line = cp_status_next(line))
		if (cp_status_is_kind(line, "ended") && number(line, "ticket") == 0)
			return 0;
	return 1;
}

/* Its last upload is done with; and, when nobody else of the family lives, everybody's is. */
static int is_over(const struct cp_await *await)
{
	const char *ended = line_of(await, "ended");
	const char *first = await->last.data;
	if (!ended || line_of(await, "process"))
		return 0;
	long long ticket = number(ended, "ticket");
	if (ticket <= 0 || number(first, "done") < ticket)
		return 0;
	return others_live(await) || (number(first, "idle") == 1 && all_handed_in(await));
}

size_t cp_await_file(const char *files)
{
	size_t len = 0;
	for (int word = 0; word < 2; word++) {
		if (files[len] != '.')
			return 0;
		len += 1 + strcspn(files + len + 1, ".");
	}
	return len;
}

static void tell_files(const char *line)
{
	char name[256], files[128], where[520];
	if (!cp_status_field(line, "name", name, sizeof name) ||
	    !cp_status_field(line, "files", files, sizeof files) ||
	    !cp_status_field(line, "where", where, sizeof where))
		return;
	const char *folder = strncmp(where, "dir://", 6) == 0 ? where + 6 : where;
	size_t len;
	for (const char *at = files; (len = cp_await_file(at)); at += len)
		fprintf(stderr, "conprof:   %s/%s%.*s\n", folder, name, (int)len, at);
}

#define HERE_MAX 560

/* What became of an upload: "sent to http://...". 1 when its files are on this machine, 0, or -1:
 * the line says nothing of it, or is of before. */
static int understand(const struct cp_await *await, const char *line, char here[HERE_MAX])
{
	char outcome[16], where[520];
	if (!cp_status_is_kind(line, "upload") ||
	    number(line, "at_ns") < (long long)await->since_ns ||
	    !cp_status_field(line, "outcome", outcome, sizeof outcome) ||
	    !cp_status_field(line, "where", where, sizeof where))
		return -1;
	int sent = strcmp(outcome, "sent") == 0;
	int spooled = strcmp(outcome, "spooled") == 0;
	int folder = strncmp(where, "dir://", 6) == 0;
	const char *join = sent || strcmp(outcome, "resent") == 0 ? " to "
			   : spooled				  ? " in "
								  : ": ";
	snprintf(here, HERE_MAX, "%s%s%s", sent && folder ? "written" : outcome, join,
		 folder ? where + 6 : where);
	return (sent && folder) || spooled;
}

/* Several destinations take turns: each is named once. */
static int is_said(const struct cp_await *await, const char *line, const char here[HERE_MAX])
{
	char other[HERE_MAX];
	for (const char *at = await->last.data; at != line; at = cp_status_next(at))
		if (understand(await, at, other) >= 0 && strcmp(other, here) == 0)
			return 1;
	return 0;
}

/* Why a destination has not got them. */
static void tell_why(const struct cp_await *await)
{
	char state[16], to[520], why[1024] = "";
	int down = 0;
	for (const char *line = await->last.data; line; line = cp_status_next(line)) {
		if (cp_status_is_kind(line, "last"))
			cp_status_field(line, "line", why, sizeof why);
		if (!cp_status_is_kind(line, "destination") ||
		    !cp_status_field(line, "state", state, sizeof state) ||
		    !cp_status_field(line, "to", to, sizeof to))
			continue;
		down |= strcmp(state, "down") == 0 || strcmp(state, "refusing") == 0;
		if (strcmp(state, "absent") == 0)
			fprintf(stderr,
				"conprof: there is no agent at %s; --output FOLDER or --agent "
				"ADDRESS says where profiles go\n",
				to);
	}
	if (down && why[0])
		fprintf(stderr, "conprof: the uploader says: %s\n", why);
}

static void tell(const struct cp_await *await)
{
	char here[HERE_MAX];
	int kept = 0;
	for (const char *line = await->last.data; line; line = cp_status_next(line)) {
		int files = understand(await, line, here);
		if (files < 0)
			continue;
		kept |= strncmp(here, "sent", 4) != 0 && strncmp(here, "written", 7) != 0;
		if (!is_said(await, line, here))
			fprintf(stderr, "conprof: profiles %s\n", here);
		if (files)
			tell_files(line);
	}
	if (kept)
		tell_why(await);
}

void cp_await_delivery(struct cp_await *await, int seconds, int quiet)
{
	struct timespec pause = {.tv_nsec = 30000000};
	uint64_t start = cp_text_monotonic();
	uint64_t until = start + (uint64_t)seconds * 1000000000u;
	int over = 0;
	await->over = 1;
	for (uint64_t now = start; now < until && !over; now = cp_text_monotonic()) {
		if (!await->name[0])
			cp_await_find(await);
		else if (has_gone(await))
			break; /* all that it had is out or spooled */
		if (!await->name[0] && now > start + FOUND_WITHIN_NS)
			break;
		if (await->name[0] && !await->asked)
			ask_delivery(await);
		else
			over = is_over(await);
		if (!over)
			nanosleep(&pause, NULL);
	}
	if (quiet)
		return;
	if (!await->name[0])
		fprintf(stderr,
			"conprof: nothing was recorded (is the program static, set-uid, over "
			"before its first sample, or CONPROF_ENABLED=0?)\n");
	else
		tell(await);
}

int cp_await_oom(const struct cp_await *await)
{
	const char *ended = line_of(await, "ended");
	return ended && number(ended, "oom") == 1;
}

void cp_await_free(struct cp_await *await)
{
	cp_text_free(&await->last);
}
