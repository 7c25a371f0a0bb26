/* status.c - what an uploader tells about itself, and `conprof status`. */
/* SPDX-License-Identifier: MIT */
#include "uploader/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "uploader/listen.h"
#include "uploader/rendezvous.h"
#include "uploader/spool.h"

#define LATEST 5u /* lines of one kind, on a terminal */
#define SOON   UINT64_C(300000000)

void cp_status_write(struct cp_family *family, const char *name, struct cp_text *out)
{
	struct cp_spool spool;
	uint64_t entries = 0;
	cp_text_addf(out, "uploader\tname=%s\tpid=%d\tversion=" CP_VERSION "\tdone=%llu\tidle=%d\n",
		     name, (int)getpid(), (unsigned long long)cp_delivery_done(family->delivery),
		     cp_family_idle(family));
	const struct cp_program *program = family->programs;
	if (program && !cp_spool_open(&spool, &program->config)) {
		uint64_t bytes = cp_spool_bytes(&spool, &entries);
		cp_text_add(out, "spool");
		cp_text_add_field(out, "dir", spool.dir);
		cp_text_addf(out, "\tbytes=%llu\tmax=%llu\tentries=%llu\n",
			     (unsigned long long)bytes, (unsigned long long)spool.max_bytes,
			     (unsigned long long)entries);
	}
	cp_listener_status(family->listener, out);
	cp_family_status(family, out);
}

static int converse(int socket, uint64_t wait_ns, struct cp_text *out)
{
	struct timeval patience = {.tv_sec = (time_t)(wait_ns / 1000000000u),
				   .tv_usec = (suseconds_t)(wait_ns % 1000000000u / 1000)};
	char *buffer = malloc(CP_STATUS_MAX);
	int error = buffer ? cp_rendezvous_send(socket, CP_PEER_STATUS, -1) : -ENOMEM;
	if (!error && setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience))
		error = -errno;
	ssize_t n = error ? -1 : recv(socket, buffer, CP_STATUS_MAX, 0);
	if (!error && n <= 0)
		error = n ? -errno : -ECONNRESET;
	if (!error)
		cp_text_add_bytes(out, buffer, (size_t)n);
	free(buffer);
	return error ? error : out->failed ? -ENOMEM : 0;
}

static int ask(const char *name, uint64_t wait_ns, struct cp_text *out, pid_t *pid)
{
	int fd = cp_rendezvous_connect(name);
	if (fd < 0)
		return fd;
	uid_t uid = 0;
	int error = cp_rendezvous_peer(fd, pid, &uid);
	/* anybody may bind an abstract name; only our own kind is believed */
	if (!error && uid != geteuid() && uid != 0 && geteuid() != 0)
		error = -EPERM;
	if (!error)
		error = converse(fd, wait_ns, out);
	close(fd);
	return error;
}

int cp_status_ask(const char *name, struct cp_text *out)
{
	pid_t pid = 0;
	return ask(name, SOON, out, &pid);
}

int cp_status_wait(const char *name, uint64_t until_ns, struct cp_text *out)
{
	uint64_t now = cp_text_monotonic();
	pid_t pid = 0;
	int error = ask(name, until_ns > now + SOON ? until_ns - now : SOON, out, &pid);
	if (error == -EAGAIN)
		cp_text_addf(out, "uploader\tname=%s\tpid=%d\tanswers=no\n", name, (int)pid);
	return error;
}

int cp_status_is_kind(const char *line, const char *kind)
{
	size_t len = strlen(kind);
	return strncmp(line, kind, len) == 0 && line[len] == '\t';
}

const char *cp_status_next(const char *line)
{
	const char *end = strchr(line, '\n');
	return end && end[1] ? end + 1 : NULL;
}

int cp_status_field(const char *line, const char *key, char *out, size_t out_len)
{
	size_t key_len = strlen(key);
	for (const char *at = strpbrk(line, "\t\n"); at && *at == '\t';
	     at = strpbrk(at + 1, "\t\n")) {
		if (strncmp(at + 1, key, key_len) != 0 || at[1 + key_len] != '=')
			continue;
		const char *value = at + 2 + key_len;
		snprintf(out, out_len, "%.*s", (int)strcspn(value, "\t\n"), value);
		return 1;
	}
	return 0;
}

/* One line as a JSON object: {"kind":"process","pid":"12",...}. */
static void line_to_json(const char *line, struct cp_text *out)
{
	char field[1100];
	cp_text_add(out, "{\"kind\":");
	size_t len = strcspn(line, "\t\n");
	snprintf(field, sizeof field, "%.*s", (int)len, line);
	cp_text_add_json(out, field);
	for (line += len; *line == '\t'; line += len) {
		line++;
		len = strcspn(line, "\t\n");
		snprintf(field, sizeof field, "%.*s", (int)len, line);
		char *equals = strchr(field, '=');
		if (!equals)
			continue;
		*equals = '\0';
		cp_text_add(out, ",");
		cp_text_add_json(out, field);
		cp_text_add(out, ":");
		cp_text_add_json(out, equals + 1);
	}
	cp_text_add(out, "}");
}

void cp_status_json(const char *answer, struct cp_text *out)
{
	const char *comma = "";
	cp_text_add(out, "[");
	while (*answer) {
		size_t len = strcspn(answer, "\n");
		cp_text_add(out, comma);
		line_to_json(answer, out);
		comma = ",\n ";
		answer += len + (answer[len] == '\n');
	}
	cp_text_add(out, "]");
}

/* A kind of line of which there may be many, and the latest of them. */
struct latest {
	const char *kind;
	const char *lines[LATEST]; /* the oldest first */
	unsigned kept, all, shown;
};

/* By the time they say, else by their place. */
static int is_later(const char *line, const char *other)
{
	char at[40] = "", others[40] = "";
	cp_status_field(line, "at", at, sizeof at);
	cp_status_field(other, "at", others, sizeof others);
	at[strcspn(at, "Z")] = others[strcspn(others, "Z")] = '\0'; /* .5 is before .51 */
	int order = strcmp(at, others);
	return order ? order > 0 : line > other;
}

static void note(struct latest *latest, const char *line)
{
	unsigned at = latest->kept;
	latest->all++;
	if (at == LATEST) {
		if (!is_later(line, latest->lines[0]))
			return;
		memmove(latest->lines, latest->lines + 1, --at * sizeof *latest->lines);
	}
	for (latest->kept = at + 1; at && !is_later(line, latest->lines[at - 1]); at--)
		latest->lines[at] = latest->lines[at - 1];
	latest->lines[at] = line;
}

static int is_shown(const struct latest *latest, const char *line)
{
	for (unsigned i = 0; i < latest->kept; i++)
		if (latest->lines[i] == line)
			return 1;
	return 0;
}

static void add_plain(const char *line, size_t len, struct cp_text *out)
{
	cp_text_add(out, cp_status_is_kind(line, "uploader") ? "" : "  ");
	for (size_t i = 0; i < len; i++)
		cp_text_add_bytes(out, line[i] == '\t' ? " " : &line[i], 1);
	cp_text_add(out, "\n");
}

void cp_status_plain(const char *lines, int shortened, struct cp_text *out)
{
	struct latest many[] = {{.kind = "ended"}, {.kind = "upload"}};
	const size_t kinds = shortened ? sizeof many / sizeof *many : 0;
	size_t len;
	for (const char *at = lines; *at; at += len + (at[len] == '\n')) {
		len = strcspn(at, "\n");
		for (size_t i = 0; i < kinds; i++)
			if (cp_status_is_kind(at, many[i].kind))
				note(&many[i], at);
	}
	for (const char *at = lines; *at; at += len + (at[len] == '\n')) {
		struct latest *of = NULL;
		len = strcspn(at, "\n");
		for (size_t i = 0; i < kinds && !of; i++)
			of = cp_status_is_kind(at, many[i].kind) ? &many[i] : NULL;
		if (of && !is_shown(of, at))
			continue;
		add_plain(at, len, out);
		if (of && ++of->shown == LATEST && of->all > LATEST)
			cp_text_addf(out, "  ... and %u more (conprof status | cat)\n",
				     of->all - LATEST);
	}
}

int cp_status_main(int json)
{
	char name[32];
	const char *comma = "";
	int found = 0;
	uint64_t until = cp_text_monotonic() + CP_STATUS_WAIT_NS;
	FILE *stream = fopen("/proc/net/unix", "re");
	if (!stream) {
		fprintf(stderr, "conprof: /proc/net/unix: %s\n", cp_text_error(errno));
		return 1;
	}
	if (json)
		printf("[");
	while (cp_rendezvous_next(stream, name)) {
		struct cp_text answer = {0}, out = {0};
		int error = cp_status_wait(name, until, &answer);
		if (!error || (error == -EAGAIN && answer.data)) {
			if (json)
				cp_status_json(answer.data, &out);
			else
				cp_status_plain(answer.data, isatty(STDOUT_FILENO), &out);
			printf("%s%s", json ? comma : "", out.data ? out.data : "");
			comma = ",\n";
			found++;
		}
		cp_text_free(&answer);
		cp_text_free(&out);
	}
	fclose(stream);
	if (json)
		printf("]\n");
	else if (!found)
		printf("nothing is being profiled\n");
	return cp_text_arrived("status");
}
