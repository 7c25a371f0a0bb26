/* perfmap.c - names of code that a process makes as it runs, from its /tmp/perf-PID.map.
 *
 * Of each line only its addresses and its place in the file are kept; the few names that a profile
 * needs are read when they are asked for. */
/* SPDX-License-Identifier: MIT */
#include "encoder/perfmap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "encoder/codefile.h"

/* One look reads no more than this; the rest is for the next. */
#define CP_READ_MAX (UINT64_C(64) << 20)
/* A line that is longer is passed over. */
#define CP_BUFFER ((size_t)64 << 10)
/* Lines that are sorted at a time. */
#define CP_FRESH_MAX ((size_t)64 << 10)
/* Ranges of one map; all maps together have CP_CODE_ROOM. */
#define CP_CODES_MAX ((size_t)1 << 20)
/* No function is larger. */
#define CP_CODE_SIZE_MAX (UINT64_C(1) << 30)
/* Most open their file in their first seconds; later there is one look each period. */
#define CP_FIRST_LOOKS 10
/* Of forked processes that were forked by forked processes. */
#define CP_PARENTS_MAX 8

struct cp_perfmap *cp_perfmap_new(pid_t pid, pid_t own_pid, size_t *room)
{
	struct cp_perfmap *map = calloc(1, sizeof(*map));
	if (!map)
		return NULL;
	map->pid = pid;
	map->own_pid = own_pid;
	map->room = room;
	map->fd = -1;
	map->refs = 1;
	struct timespec now = {0};
	clock_gettime(CLOCK_REALTIME, &now);
	map->since = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return map;
}

static void forget_all(struct cp_perfmap *map)
{
	*map->room += map->codes.count;
	cp_codemap_free(&map->codes);
	map->offset = map->tail_len = 0;
	map->skipping = false;
}

void cp_perfmap_free(struct cp_perfmap *map)
{
	while (map && !--map->refs) {
		struct cp_perfmap *parent = map->parent;
		forget_all(map);
		cp_procmaps_free(&map->mapped);
		if (map->fd >= 0)
			close(map->fd);
		free(map);
		map = parent;
	}
}

void cp_perfmap_inherit(struct cp_perfmap *map, struct cp_perfmap *parent)
{
	struct stat st;
	unsigned depth = 0;
	while (parent && parent->fd < 0)
		parent = parent->parent;
	for (const struct cp_perfmap *at = parent; at; at = at->parent)
		depth++;
	if (!parent || map->parent || depth >= CP_PARENTS_MAX || fstat(parent->fd, &st))
		return;
	parent->refs++;
	map->parent = parent;
	map->parent_end = (uint64_t)st.st_size;
}

void cp_perfmap_look(struct cp_perfmap *map)
{
	if (!map || map->looks >= CP_FIRST_LOOKS)
		return;
	/* early, as what is mapped twice may be gone when the process ends; and again a second
	 * later, as the first look may come before it was mapped */
	if (map->looks++ < 2)
		cp_procmaps_read(&map->mapped, map->pid);
	if (map->fd < 0)
		map->fd = cp_codefile_open(map->pid, map->own_pid, map->since);
}

/* Up to 16 hex digits, with or without 0x, and the blanks behind; how long that is, 0: it is not.
 */
static size_t read_hex(const char *text, size_t len, uint64_t *number)
{
	size_t at = len > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' ? 2 : 0;
	size_t first = at;
	*number = 0;
	for (; at < len; at++) {
		unsigned c = (unsigned char)text[at];
		unsigned digit = c - '0' < 10 ? c - '0' : (c | 0x20) - 'a' + 10;
		if (digit > 15 || (digit > 9 && (c | 0x20) < 'a'))
			break;
		*number = *number << 4 | digit;
	}
	size_t digits = at - first;
	while (at < len && text[at] == ' ' && digits)
		at++;
	return digits && digits <= 16 && at > first + digits ? at : 0;
}

/* "START SIZE NAME", without its newline; where the name begins, 0 when the line says nothing. */
static size_t read_line(const char *line, size_t len, struct cp_code *code)
{
	uint64_t size = 0;
	size_t at = read_hex(line, len, &code->start);
	size_t more = at ? read_hex(line + at, len - at, &size) : 0;
	if (!more || at + more >= len || !size || size > CP_CODE_SIZE_MAX ||
	    __builtin_add_overflow(code->start, size, &code->end))
		return 0;
	return at + more;
}

struct reading {
	struct cp_perfmap *map;
	char *buffer;
	struct cp_code *fresh;
	size_t count, room;
};

/* The whole lines of what was read, as many as there is room for; how many bytes they take. */
static size_t read_lines(struct reading *reading, size_t len)
{
	struct cp_perfmap *map = reading->map;
	size_t at = 0;
	while (at < len && reading->count < reading->room) {
		const char *line = reading->buffer + at;
		const char *end = memchr(line, '\n', len - at);
		if (!end)
			break;
		struct cp_code *code = &reading->fresh[reading->count];
		if (map->skipping)
			map->skipping = false;
		else if (read_line(line, (size_t)(end - line), code))
			reading->fresh[reading->count++].at = map->offset + at;
		else
			map->counts.refused++;
		at += (size_t)(end - line) + 1;
	}
	if (!at && len == CP_BUFFER) {
		map->counts.refused += !map->skipping;
		map->skipping = true;
		at = len;
	}
	return at;
}

/* A full map forgets its oldest lines: what was compiled long ago and is still run has most likely
 * been seen, and named, before. */
static void keep(struct reading *reading)
{
	struct cp_perfmap *map = reading->map;
	*map->room += map->codes.count;
	size_t most = *map->room < CP_CODES_MAX ? *map->room : CP_CODES_MAX;
	if (cp_codemap_add(&map->codes, reading->fresh, reading->count))
		map->counts.forgotten += reading->count;
	map->counts.forgotten += cp_codemap_forget(&map->codes, most);
	*map->room -= map->codes.count;
	reading->count = 0;
}

static void read_on(struct cp_perfmap *map, uint64_t size)
{
	uint64_t end = size - map->offset > CP_READ_MAX ? map->offset + CP_READ_MAX : size;
	/* none is shorter than "1 1 a" */
	uint64_t lines = (end - map->offset) / 6 + 1;
	struct reading reading = {.map = map, .room = lines < CP_FRESH_MAX ? lines : CP_FRESH_MAX};
	reading.buffer = malloc(CP_BUFFER);
	reading.fresh = malloc(reading.room * sizeof(*reading.fresh));
	while (reading.buffer && reading.fresh && map->offset < end) {
		ssize_t len = pread(map->fd, reading.buffer, CP_BUFFER, (off_t)map->offset);
		size_t used = len > 0 ? read_lines(&reading, (size_t)len) : 0;
		if (!used)
			break;
		map->offset += used;
		if (reading.count >= reading.room)
			keep(&reading);
	}
	if (reading.count)
		keep(&reading);
	/* what was written while we read is no loss */
	map->counts.unread = map->offset >= end && map->offset < size ? size - map->offset : 0;
	free(reading.buffer);
	free(reading.fresh);
}

/* Java writes its file anew each time it is asked to. */
static bool is_same(const struct cp_perfmap *map, const struct stat *st)
{
	char tail[sizeof(map->tail)];
	return (uint64_t)st->st_size >= map->offset &&
	       pread(map->fd, tail, map->tail_len, (off_t)(map->offset - map->tail_len)) ==
		   (ssize_t)map->tail_len &&
	       !memcmp(tail, map->tail, map->tail_len);
}

/* Another file under the same name takes the place of the one we have. */
static void open_latest(struct cp_perfmap *map)
{
	struct stat ours, its;
	int fd = cp_codefile_open(map->pid, map->own_pid, map->since);
	if (fd < 0)
		return;
	if (map->fd >= 0 && !fstat(map->fd, &ours) && !fstat(fd, &its) &&
	    ours.st_dev == its.st_dev && ours.st_ino == its.st_ino) {
		close(fd);
		return;
	}
	forget_all(map);
	if (map->fd >= 0)
		close(map->fd);
	map->fd = fd;
}

static void refresh(struct cp_perfmap *map)
{
	struct stat st;
	if (map->read || map->replaced)
		return;
	map->read = true;
	cp_procmaps_read(&map->mapped, map->pid);
	open_latest(map);
	if (map->fd < 0 || fstat(map->fd, &st))
		return;
	if (!is_same(map, &st))
		forget_all(map);
	read_on(map, (uint64_t)st.st_size);
	size_t len = map->offset < sizeof(map->tail) ? (size_t)map->offset : sizeof(map->tail);
	ssize_t got = pread(map->fd, map->tail, len, (off_t)(map->offset - len));
	map->tail_len = got > 0 ? (size_t)got : 0;
}

void cp_perfmap_replaced(struct cp_perfmap *map)
{
	if (map)
		map->replaced = true;
}

void cp_perfmap_begin(struct cp_perfmap *map)
{
	map->read = false;
}

/* The line is read again: if the file was written anew meanwhile it says something else. */
static bool name_of(const struct cp_perfmap *map, const struct cp_code *code,
		    char name[CP_CODE_NAME_MAX], uint64_t *start)
{
	char line[CP_CODE_NAME_MAX + 40];
	struct cp_code is;
	ssize_t len = pread(map->fd, line, sizeof(line), (off_t)code->at);
	if (len <= 0)
		return false;
	const char *end = memchr(line, '\n', (size_t)len);
	size_t whole = end ? (size_t)(end - line) : (size_t)len;
	size_t at = read_line(line, whole, &is);
	if (!at || is.start > code->start || is.end < code->end)
		return false;
	size_t rest = whole - at < CP_CODE_NAME_MAX ? whole - at : CP_CODE_NAME_MAX - 1;
	memcpy(name, line + at, rest);
	name[rest] = 0;
	*start = is.start;
	return strlen(name) > 0;
}

const struct cp_procmap *cp_perfmap_file(struct cp_perfmap *map, uint64_t address)
{
	refresh(map);
	return cp_procmaps_find(&map->mapped, address);
}

bool cp_perfmap_find(struct cp_perfmap *map, uint64_t address, char name[CP_CODE_NAME_MAX],
		     uint64_t *start)
{
	uint64_t end = UINT64_MAX;
	for (; map; end = map->parent_end, map = map->parent) {
		refresh(map);
		const struct cp_code *code = cp_codemap_find(&map->codes, address);
		if (code && code->at < end && name_of(map, code, name, start))
			return true;
	}
	return false;
}
