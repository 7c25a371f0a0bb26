/* shelf.c - the entries of a spool directory, oldest first. */
/* SPDX-License-Identifier: MIT */
#include "uploader/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX 500000u

/* The event is the last: see cp_shelf_remove. */
static const char *const suffixes[] = {
    ".cpu.pprof", ".heap.pprof", ".threads.pprof", CP_SHELF_PART, CP_SHELF_EVENT,
};
#define SUFFIXES (sizeof suffixes / sizeof suffixes[0])
#define PART	 (SUFFIXES - 2)
#define EVENT	 (SUFFIXES - 1)

void cp_shelf_free(struct cp_shelf *shelf)
{
	free(shelf->entries);
	*shelf = (struct cp_shelf){0};
}

/* NAME-CHANCE-PID-YYYYMMDDTHHMMSSZ-SEQ: the stamp and the number order the entries. */
static int parse_stem(struct cp_shelf_entry *entry)
{
	const char *last = strrchr(entry->stem, '-');
	if (!last || last - entry->stem < 17 || last[-17] != '-' || !last[1] ||
	    strspn(last + 1, "0123456789") != strlen(last + 1))
		return 0;
	memcpy(entry->stamp, last - 16, 16);
	entry->stamp[16] = '\0';
	entry->seq = strtoull(last + 1, NULL, 10);
	return strspn(entry->stamp, "0123456789TZ") == 16;
}

static int set_stem(struct cp_shelf_entry *entry, const char *name, size_t len)
{
	if (!len || len >= sizeof entry->stem)
		return 0;
	memcpy(entry->stem, name, len);
	entry->stem[len] = '\0';
	return parse_stem(entry);
}

/* .STEM.SUFFIX.PID, or .STEM.SUFFIX: not complete yet, or never. */
static int parse_temporary(const char *name, struct cp_shelf_entry *entry)
{
	for (size_t i = 0; i < SUFFIXES; i++) {
		const char *at = strstr(name + 1, suffixes[i]);
		entry->part = i == PART;
		if (at && set_stem(entry, name + 1, (size_t)(at - name) - 1))
			return 1;
	}
	return 0;
}

/* What a file's name says of its entry; 0 when it is no name of ours. */
static int parse_name(const char *name, struct cp_shelf_entry *entry)
{
	size_t len = strlen(name), stem = cp_mark_parse(name, &entry->numbers[0]);
	if (name[0] == '.')
		return parse_temporary(name, entry);
	if (stem) {
		entry->marks = 1;
		return set_stem(entry, name, stem);
	}
	for (size_t i = 0; i < SUFFIXES; i++) {
		size_t tail = strlen(suffixes[i]);
		if (len <= tail || strcmp(name + len - tail, suffixes[i]) != 0)
			continue;
		entry->event = i == EVENT;
		return set_stem(entry, name, len - tail);
	}
	return 0;
}

static int by_stem(const void *left, const void *right)
{
	const struct cp_shelf_entry *a = left, *b = right;
	return strcmp(a->stem, b->stem);
}

static int is_complete(const struct cp_shelf_entry *entry)
{
	return entry->event && entry->marks && !entry->odd;
}

static int by_age(const void *left, const void *right)
{
	const struct cp_shelf_entry *a = left, *b = right;
	if (is_complete(a) != is_complete(b))
		return is_complete(a) ? -1 : 1;
	int order = strcmp(a->stamp, b->stamp);
	if (order)
		return order;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return strcmp(a->stem, b->stem);
}

/* Profiles alone: no writer of ours leaves them so. They have arrived here, in a folder that is
 * also somebody's spool. */
static int is_none(const struct cp_shelf_entry *entry)
{
	return !entry->event && !entry->part && !entry->marks;
}

static int add(struct cp_shelf *shelf, const struct cp_shelf_entry *entry)
{
	if (shelf->count == shelf->room) {
		size_t room = shelf->room ? shelf->room * 2 : 64;
		struct cp_shelf_entry *more = realloc(shelf->entries, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		shelf->entries = more;
		shelf->room = room;
	}
	shelf->entries[shelf->count++] = *entry;
	return 0;
}

static void join(struct cp_shelf_entry *to, const struct cp_shelf_entry *file)
{
	to->bytes += file->bytes;
	to->event += file->event;
	to->part += file->part;
	to->odd += file->odd;
	to->newest = file->newest > to->newest ? file->newest : to->newest;
	if (file->marks && to->marks < CP_DESTINATIONS + 1)
		to->numbers[to->marks++] = file->numbers[0];
}

/* Each file came as an entry of its own; now those of one stem become one. */
static void merge(struct cp_shelf *shelf)
{
	size_t n = 0;
	if (!shelf->count)
		return;
	qsort(shelf->entries, shelf->count, sizeof *shelf->entries, by_stem);
	for (size_t i = 1; i < shelf->count; i++) {
		if (strcmp(shelf->entries[n].stem, shelf->entries[i].stem) == 0)
			join(&shelf->entries[n], &shelf->entries[i]);
		else
			shelf->entries[n += !is_none(&shelf->entries[n])] = shelf->entries[i];
	}
	n += !is_none(&shelf->entries[n]);
	for (size_t i = 0; i < n; i++)
		shelf->bytes += shelf->entries[i].bytes;
	qsort(shelf->entries, n, sizeof *shelf->entries, by_age);
	shelf->count = 0;
	while (shelf->count < n && is_complete(&shelf->entries[shelf->count]))
		shelf->count++;
	shelf->rest = n - shelf->count;
}

/* A note, or what a killed writer left of one. */
static int is_note(const char *name)
{
	const size_t len = sizeof CP_SHELF_NOTE - 1;
	name += name[0] == '.';
	return strncmp(name, CP_SHELF_NOTE, len) == 0 &&
	       strspn(name + len, "0123456789abcdef") == 16;
}

static int64_t written(int dir, const char *name)
{
	struct stat st;
	int ours = !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) && st.st_uid == geteuid();
	return ours && S_ISREG(st.st_mode) ? st.st_mtime : INT64_MAX;
}

static void look_at_note(struct cp_shelf *shelf, int dir, const char *name)
{
	int64_t at = written(dir, name);
	if (at != INT64_MAX && (!shelf->note || at < shelf->note))
		shelf->note = at;
}

/* What has one of our names but is no file (a folder, a link, a pipe) makes its entry an odd one.
 */
static int look(struct cp_shelf *shelf, int dir, const char *name)
{
	struct cp_shelf_entry entry = {0};
	struct stat st;
	if (is_note(name)) {
		look_at_note(shelf, dir, name);
		return 0;
	}
	if (!parse_name(name, &entry) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    st.st_uid != geteuid())
		return 0;
	entry.odd = !S_ISREG(st.st_mode);
	entry.newest = st.st_mtime;
	entry.bytes = entry.odd ? 0 : (uint64_t)st.st_size;
	return add(shelf, &entry);
}

static DIR *open_stream(int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream && fd >= 0)
		close(fd);
	return stream;
}

/* readdir is safe here: the stream is its caller's own */
static const char *next_name(DIR *stream)
{
	const struct dirent *d = readdir(stream); // NOLINT(concurrency-mt-unsafe)
	return d ? d->d_name : NULL;
}

int cp_shelf_read(struct cp_shelf *shelf, int dir)
{
	DIR *stream = open_stream(dir);
	const char *name;
	int error = stream ? 0 : -errno;
	while (stream && !error && shelf->count < FILES_MAX && (name = next_name(stream)))
		error = look(shelf, dir, name);
	if (stream)
		closedir(stream);
	merge(shelf);
	return error;
}

void cp_shelf_drop_notes(int dir, int64_t since)
{
	DIR *stream = open_stream(dir);
	const char *name;
	while (stream && (name = next_name(stream)))
		if (is_note(name) && written(dir, name) < since)
			unlinkat(dir, name, 0);
	if (stream)
		closedir(stream);
}

const struct cp_shelf_entry *cp_shelf_find(const struct cp_shelf *shelf, const char *stem)
{
	for (size_t i = 0; i < shelf->count + shelf->rest; i++)
		if (strcmp(shelf->entries[i].stem, stem) == 0)
			return &shelf->entries[i];
	return NULL;
}

void cp_shelf_each(int dir, const char *stem, void (*each)(int dir, const char *name, void *arg),
		   void *arg)
{
	DIR *stream = open_stream(dir);
	const char *name;
	while (stream && (name = next_name(stream))) {
		struct cp_shelf_entry entry = {0};
		if (parse_name(name, &entry) && strcmp(entry.stem, stem) == 0)
			each(dir, name, arg);
	}
	if (stream)
		closedir(stream);
}

static void find_mark(int dir, const char *name, void *found)
{
	uint64_t number;
	(void)dir;
	if (name[0] != '.' && cp_mark_parse(name, &number))
		*(int *)found = 1;
}

int cp_shelf_has_mark(int dir, const char *stem, const uint64_t *numbers, unsigned count)
{
	char name[CP_MARK_NAME];
	int found = 0;
	for (unsigned i = 0; i < count; i++) {
		cp_mark_name(stem, numbers[i], name);
		if (!faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW))
			return 1;
	}
	cp_shelf_each(dir, stem, find_mark, &found);
	return found;
}

uint64_t cp_shelf_marks(int dir, uint64_t number)
{
	DIR *stream = open_stream(dir);
	const char *name;
	uint64_t count = 0, found;
	while (stream && (name = next_name(stream)))
		if (name[0] != '.' && cp_mark_parse(name, &found) && found == number)
			count += written(dir, name) != INT64_MAX;
	if (stream)
		closedir(stream);
	return count;
}

static void name_of(const char *stem, size_t suffix, char name[CP_MARK_NAME])
{
	const char *dot = strcmp(suffixes[suffix], CP_SHELF_PART) == 0 ? "." : "";
	snprintf(name, CP_MARK_NAME, "%s%.223s%s", dot, stem, suffixes[suffix]);
}

int cp_shelf_has_event(int dir, const char *stem)
{
	char name[CP_MARK_NAME];
	name_of(stem, EVENT, name);
	return !faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW);
}

void cp_shelf_remove(int dir, const char *stem, const uint64_t *numbers, unsigned count)
{
	char name[CP_MARK_NAME];
	for (unsigned i = 0; i < count; i++) {
		cp_mark_name(stem, numbers[i], name);
		unlinkat(dir, name, 0);
	}
	for (size_t i = 0; i < SUFFIXES; i++) {
		name_of(stem, i, name);
		unlinkat(dir, name, 0);
	}
}

uint64_t cp_shelf_size(int dir, const char *stem)
{
	char name[CP_MARK_NAME];
	struct stat st;
	uint64_t bytes = 0;
	for (size_t i = 0; i < SUFFIXES; i++) {
		name_of(stem, i, name);
		if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
			bytes += (uint64_t)st.st_size;
	}
	return bytes;
}
