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

static void read_lines(int fd, struct cp_procmaps *maps)
{
	char text[CP_LINE_ROOM];
	size_t len = 0, total = 0;
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
			maps->count += read_line(line, &maps->maps[maps->count]);
		}
		len -= (size_t)(line - text);
		memmove(text, line, len);
	}
}

void cp_procmaps_read(struct cp_procmaps *maps, pid_t pid)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct cp_procmaps fresh = {.maps = calloc(CP_PROCMAPS_MAX, sizeof(*fresh.maps))};
	if (fd >= 0 && fresh.maps)
		read_lines(fd, &fresh);
	if (fd >= 0)
		close(fd);
	/* one that has just ended has none left */
	if (fresh.count) {
		struct cp_procmap *less = realloc(fresh.maps, fresh.count * sizeof(*fresh.maps));
		cp_procmaps_free(maps);
		*maps = (struct cp_procmaps){less ? less : fresh.maps, fresh.count};
	} else {
		free(fresh.maps);
	}
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
