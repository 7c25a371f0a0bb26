/* oom.c - whether a process that was killed was killed because memory had run out. */
/* SPDX-License-Identifier: MIT */
#include "uploader/oom.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uploader/text.h"

#define OOMS_MAX 1024u /* descriptors, and reads a second */

struct cp_oom {
	struct cp_oom *next;
	unsigned members;
	char *cgroups; /* the text of /proc/PID/cgroup */
	int fd;	       /* of the counter's file; -1: it has none, as the root has none */
	int64_t counted;
	int64_t unclaimed;
	uint64_t stepped_ns; /* when the counter moved last */
};

int64_t cp_oom_parse(const char *text)
{
	static const char word[] = "oom_kill ";
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, word, sizeof word - 1) != 0)
			continue;
		const char *digits = line + sizeof word - 1;
		size_t n = strspn(digits, "0123456789");
		if (!n || n > 18 || (digits[n] && digits[n] != '\n'))
			return -1;
		return strtoll(digits, NULL, 10);
	}
	return -1;
}

/* ---- where it is ---- */

static int has_word(const char *list, size_t len, const char *word)
{
	size_t n = strlen(word);
	for (const char *at = list; at < list + len; at += strcspn(at, ",") + 1)
		if ((size_t)(list + len - at) >= n && strncmp(at, word, n) == 0 &&
		    (at + n == list + len || at[n] == ','))
			return 1;
	return 0;
}

/* "4:cpu,memory:/a/b", of version 2 "0::/a/b": the path, not ended. */
static const char *path_of(const char *cgroups, int version, size_t *len)
{
	for (const char *line = cgroups; *line; line += strspn(line, "\n")) {
		const char *end = line + strcspn(line, "\n");
		const char *list = strchr(line, ':');
		const char *path = list ? strchr(list + 1, ':') : NULL;
		if (path && path < end) {
			size_t n = (size_t)(path - list - 1);
			int fits = version == 2 ? !n : has_word(list + 1, n, "memory");
			if (fits && path[1] == '/') {
				*len = (size_t)(end - path - 1);
				return path + 1;
			}
		}
		line = end;
	}
	return NULL;
}

/* The kernel writes blanks, tabs, newlines and backslashes as \040 and so on. */
static void unescape(char *text)
{
	char *to = text;
	for (const char *at = text; *at; to++) {
		int octal = at[0] == '\\' && strspn(at + 1, "01234567") >= 3;
		int c = octal ? (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0') : *at;
		*to = (char)c;
		at += octal ? 4 : 1;
	}
	*to = '\0';
}

int cp_oom_folder(const char *mount, const char *cgroups, char *out, size_t len, int *version)
{
	char root[512], point[512], kind[32], options[256];
	size_t path_len = 0;
	const char *tail = strstr(mount, " - ");
	if (!tail || sscanf(mount, "%*s %*s %*s %511s %511s", root, point) != 2 ||
	    sscanf(tail, " - %31s %*s %255s", kind, options) != 2)
		return 0;
	*version = strcmp(kind, "cgroup2") == 0 ? 2 : 1;
	if (*version == 1 &&
	    (strcmp(kind, "cgroup") != 0 || !has_word(options, strlen(options), "memory")))
		return 0;
	const char *path = path_of(cgroups, *version, &path_len);
	unescape(root);
	unescape(point);
	size_t root_len = strcmp(root, "/") == 0 ? 0 : strlen(root);
	/* a mount may show a part of the tree alone, as in a container */
	if (!path || path_len < root_len || strncmp(path, root, root_len) != 0 ||
	    (path_len > root_len && path[root_len] != '/'))
		return 0;
	int n = snprintf(out, len, "%s%.*s", point, (int)(path_len - root_len), path + root_len);
	return n > 0 && (size_t)n < len && !strstr(out, "/..");
}

static ssize_t read_all(const char *path, char *text, size_t room)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = 0;
	for (ssize_t n; len < room - 1 && (n = read(fd, text + len, room - 1 - len)) > 0;)
		len += (size_t)n;
	close(fd);
	text[len] = '\0';
	return (ssize_t)len;
}

static int64_t counter(int fd)
{
	char text[1024];
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	return cp_oom_parse(text);
}

/* Below a folder: of version 2 this cgroup's own, since Linux 5.2, or with those below it. */
static int open_counter(const char *folder, int version)
{
	static const char *const names[] = {"memory.oom_control", "memory.events.local",
					    "memory.events"};
	for (int i = version == 2 ? 1 : 0; i < (version == 2 ? 3 : 1); i++) {
		char path[1200];
		snprintf(path, sizeof path, "%s/%s", folder, names[i]);
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (counter(fd) >= 0)
			return fd;
		close(fd);
	}
	return -1;
}

/* Once: containers are made with their mounts, and a machine may have thousands. */
static void read_mounts(struct cp_ooms *ooms)
{
	struct cp_text mounts = {0};
	char *line = NULL;
	size_t room = 0;
	FILE *stream = fopen("/proc/self/mountinfo", "re");
	while (stream && getline(&line, &room, stream) > 0)
		if (strstr(line, " - cgroup"))
			cp_text_add(&mounts, line);
	free(line);
	if (stream)
		fclose(stream);
	cp_text_add(&mounts, "\n");
	ooms->mounts = mounts.data;
}

static int open_of(const struct cp_ooms *ooms, const char *cgroups)
{
	char folder[1100], line[2048];
	int fd = -1, version;
	for (const char *at = ooms->mounts; at && *at && fd < 0;) {
		size_t len = strcspn(at, "\n");
		snprintf(line, sizeof line, "%.*s", (int)len, at);
		if (cp_oom_folder(line, cgroups, folder, sizeof folder, &version))
			fd = open_counter(folder, version);
		at += len + (at[len] == '\n');
	}
	return fd;
}

/* ---- who is in it ---- */

static struct cp_oom *new_oom(struct cp_ooms *ooms, const char *cgroups)
{
	struct cp_oom *oom = ooms->count < OOMS_MAX ? calloc(1, sizeof *oom) : NULL;
	if (!oom)
		return NULL;
	oom->cgroups = strdup(cgroups);
	oom->fd = oom->cgroups ? open_of(ooms, cgroups) : -1;
	if (!oom->cgroups) {
		free(oom);
		return NULL;
	}
	oom->counted = oom->fd < 0 ? 0 : counter(oom->fd);
	oom->next = ooms->first;
	ooms->first = oom;
	ooms->count++;
	return oom;
}

struct cp_oom *cp_oom_join(struct cp_ooms *ooms, pid_t pid)
{
	char path[64], cgroups[4096];
	snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
	if (read_all(path, cgroups, sizeof cgroups) <= 0)
		return NULL;
	if (!ooms->mounts)
		read_mounts(ooms);
	return cp_oom_watch(ooms, cgroups);
}

struct cp_oom *cp_oom_watch(struct cp_ooms *ooms, const char *cgroups)
{
	struct cp_oom *oom = ooms->first;
	while (oom && strcmp(oom->cgroups, cgroups) != 0)
		oom = oom->next;
	if (!oom)
		oom = new_oom(ooms, cgroups);
	if (oom)
		oom->members++;
	return oom;
}

void cp_oom_leave(struct cp_ooms *ooms, struct cp_oom *oom)
{
	if (!oom || --oom->members)
		return;
	for (struct cp_oom **at = &ooms->first; *at; at = &(*at)->next)
		if (*at == oom) {
			*at = oom->next;
			ooms->count--;
			break;
		}
	if (oom->fd >= 0)
		close(oom->fd);
	free(oom->cgroups);
	free(oom);
}

void cp_ooms_free(struct cp_ooms *ooms)
{
	free(ooms->mounts);
	ooms->mounts = NULL;
}

static void look(struct cp_oom *oom, uint64_t now_ns)
{
	int64_t counted = oom->fd < 0 ? 0 : counter(oom->fd);
	if (oom->unclaimed && now_ns > oom->stepped_ns + CP_OOM_NS)
		oom->unclaimed = 0;
	if (counted <= oom->counted) /* also when the cgroup is gone */
		return;
	oom->unclaimed += counted - oom->counted;
	oom->counted = counted;
	oom->stepped_ns = now_ns;
}

void cp_oom_look(struct cp_ooms *ooms, uint64_t now_ns)
{
	for (struct cp_oom *oom = ooms->first; oom; oom = oom->next)
		look(oom, now_ns);
}

int cp_oom_claim(struct cp_oom *oom, uint64_t now_ns)
{
	if (!oom)
		return 0;
	look(oom, now_ns);
	if (!oom->unclaimed)
		return 0;
	oom->unclaimed--;
	return 1;
}
