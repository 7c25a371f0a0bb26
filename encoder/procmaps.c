/* procmaps.c - code that a process has mapped from files without telling the loader.
 *
 * V8 maps the built-in functions of its own program once more, near the code that it makes: the
 * loader knows nothing of that, but the kernel does. */
/* SPDX-License-Identifier: MIT */
#include "encoder/procmaps.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A process with 65,530 mappings has a list of 5 MB; what lies beyond this is not looked at. */
#define CP_TEXT_MAX  ((size_t)8 << 20)
#define CP_LINE_ROOM 8192u

/* "START-END PERMISSIONS OFFSET DEVICE INODE PATH" */
static bool read_line(const char *line, struct cp_procmap *map)
{
	char may[8];
	int at = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %" SCNx64 " %*s %*s %n", &map->start,
		   &map->end, may, &map->offset, &at) != 4 ||
	    !at || line[at] != '/' || may[2] != 'x' || map->start >= map->end)
		return false;
	map->path = strdup(line + at);
	return map->path;
}

/* What a line has that is longer than our room (a path of many newlines, which the kernel writes as
 * \012) is passed over. */
static void read_lines(int fd, struct cp_procmaps *maps)
{
	char text[CP_LINE_ROOM];
	size_t len = 0, total = 0;
	bool is_rest = false;
	ssize_t more;
	while (total < CP_TEXT_MAX && maps->count < CP_PROCMAPS_MAX &&
	       (more = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
		len += (size_t)more;
		total += (size_t)more;
		text[len] = 0;
		char *line = text, *end;
		for (; (end = strchr(line, '\n')) && maps->count < CP_PROCMAPS_MAX;
		     line = end + 1) {
			*end = 0;
			maps->count += !is_rest && read_line(line, &maps->maps[maps->count]);
			is_rest = false;
		}
		len -= (size_t)(line - text);
		memmove(text, line, len);
		if (len == sizeof(text) - 1) {
			is_rest = true;
			len = 0;
		}
	}
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool is_twice(const struct cp_procmaps *maps, size_t number)
{
	const struct cp_procmap *it = &maps->maps[number];
	for (size_t i = 0; i < maps->count; i++) {
		const struct cp_procmap *other = &maps->maps[i];
		if (i != number &&
		    overlap(it->offset, it->end - it->start, other->offset,
			    other->end - other->start) &&
		    !strcmp(it->path, other->path))
			return true;
	}
	return false;
}

/* What is mapped once is the loader's. */
static void leave_twice_mapped(struct cp_procmaps *maps)
{
	bool twice[CP_PROCMAPS_MAX];
	size_t left = 0;
	for (size_t i = 0; i < maps->count; i++)
		twice[i] = is_twice(maps, i);
	for (size_t i = 0; i < maps->count; i++) {
		if (twice[i])
			maps->maps[left++] = maps->maps[i];
		else
			free(maps->maps[i].path);
	}
	maps->count = left;
}

/* At its end V8 unmaps what was met before. */
static void keep_gone(struct cp_procmaps *fresh, struct cp_procmaps *old)
{
	for (size_t i = 0; i < old->count && fresh->count < CP_PROCMAPS_MAX; i++) {
		struct cp_procmap *it = &old->maps[i];
		bool there = false;
		for (size_t j = 0; j < fresh->count && !there; j++)
			there = overlap(it->start, it->end - it->start, fresh->maps[j].start,
					fresh->maps[j].end - fresh->maps[j].start);
		if (there)
			continue;
		fresh->maps[fresh->count++] = *it;
		it->path = NULL;
	}
}

void cp_procmaps_take(struct cp_procmaps *maps, int fd)
{
	struct cp_procmaps fresh = {.maps = calloc(CP_PROCMAPS_MAX, sizeof(*fresh.maps))};
	if (fd >= 0 && fresh.maps)
		read_lines(fd, &fresh);
	if (fresh.maps) {
		leave_twice_mapped(&fresh);
		keep_gone(&fresh, maps);
	}
	cp_procmaps_free(maps);
	struct cp_procmap *less =
	    fresh.count ? realloc(fresh.maps, fresh.count * sizeof(*fresh.maps)) : NULL;
	if (!fresh.count)
		free(fresh.maps);
	*maps = (struct cp_procmaps){less || !fresh.count ? less : fresh.maps, fresh.count};
}

void cp_procmaps_read(struct cp_procmaps *maps, pid_t pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	cp_procmaps_take(maps, fd);
	if (fd >= 0)
		close(fd);
}

const struct cp_procmap *cp_procmaps_find(const struct cp_procmaps *maps, uint64_t address)
{
	for (size_t i = 0; i < maps->count; i++)
		if (address >= maps->maps[i].start && address < maps->maps[i].end)
			return &maps->maps[i];
	return NULL;
}

void cp_procmaps_free(struct cp_procmaps *maps)
{
	for (size_t i = 0; i < maps->count; i++)
		free(maps->maps[i].path);
	free(maps->maps);
	*maps = (struct cp_procmaps){0};
}
