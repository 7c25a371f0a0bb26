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
#include <time.h>
#include <unistd.h>

#define ENTRIES_MAX 100000u

static const char *const suffixes[] = {
    CP_SHELF_SEND_TO, CP_SHELF_EVENT, ".cpu.pprof", ".heap.pprof", ".threads.pprof",
};
#define SUFFIXES (sizeof suffixes / sizeof suffixes[0])

void cp_shelf_free(struct cp_shelf *shelf)
{
	free(shelf->entries);
	*shelf = (struct cp_shelf){0};
}

/* NAME-PID-YYYYMMDDTHHMMSSZ-SEQ: the stamp and the number order the entries. */
static int parse_stem(struct cp_shelf_entry *entry)
{
	char *last = strrchr(entry->stem, '-');
	if (!last || last - entry->stem < 17 || last[-17] != '-' || !last[1] ||
	    strspn(last + 1, "0123456789") != strlen(last + 1))
		return 0;
	memcpy(entry->stamp, last - 16, 16);
	entry->stamp[16] = '\0';
	entry->seq = strtoull(last + 1, NULL, 10);
	return strspn(entry->stamp, "0123456789TZ") == 16;
}

/* The stem of a file's name into entry; 0 when it is no name of ours. */
static int parse_name(const char *name, struct cp_shelf_entry *entry)
{
	size_t len = strlen(name);
	for (size_t i = 0; i < SUFFIXES; i++) {
		size_t tail = strlen(suffixes[i]);
		if (len <= tail || len - tail >= sizeof entry->stem ||
		    strcmp(name + len - tail, suffixes[i]) != 0)
			continue;
		memcpy(entry->stem, name, len - tail);
		entry->stem[len - tail] = '\0';
		return parse_stem(entry);
	}
	return 0;
}

static int by_stem(const void *left, const void *right)
{
	const struct cp_shelf_entry *a = left, *b = right;
	return strcmp(a->stem, b->stem);
}

static int by_age(const void *left, const void *right)
{
	const struct cp_shelf_entry *a = left, *b = right;
	int order = strcmp(a->stamp, b->stamp);
	if (order)
		return order;
	if (a->seq != b->seq)
		return a->seq < b->seq ? -1 : 1;
	return strcmp(a->stem, b->stem);
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
	shelf->bytes += entry->bytes;
	return 0;
}

/* Each file came as an entry of its own; now those of one stem become one. */
static void merge(struct cp_shelf *shelf)
{
	size_t n = 0;
	if (!shelf->count)
		return;
	qsort(shelf->entries, shelf->count, sizeof *shelf->entries, by_stem);
	for (size_t i = 1; i < shelf->count; i++)
		if (strcmp(shelf->entries[n].stem, shelf->entries[i].stem) == 0)
			shelf->entries[n].bytes += shelf->entries[i].bytes;
		else
			shelf->entries[++n] = shelf->entries[i];
	shelf->count = n + 1;
	qsort(shelf->entries, shelf->count, sizeof *shelf->entries, by_age);
}

static int look(struct cp_shelf *shelf, int dir, const char *name)
{
	struct cp_shelf_entry entry = {0};
	struct stat st;
	int temporary = name[0] == '.' && name[1] && name[1] != '.';
	if (!temporary && !parse_name(name, &entry))
		return 0;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid())
		return 0;
	if (temporary) {
		for (size_t i = 0; i < SUFFIXES && st.st_mtime < time(NULL) - 3600; i++)
			if (strstr(name, suffixes[i]))
				unlinkat(dir, name, 0);
		return 0;
	}
	entry.bytes = (uint64_t)st.st_size;
	return add(shelf, &entry);
}

int cp_shelf_read(struct cp_shelf *shelf, int dir)
{
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	if (!stream) {
		int error = -errno;
		if (fd >= 0)
			close(fd);
		return error;
	}
	int error = 0;
	/* readdir is safe here: the stream is this call's own */
	for (struct dirent *d = readdir(stream); // NOLINT(concurrency-mt-unsafe)
	     d && !error && shelf->count < SUFFIXES * ENTRIES_MAX;
	     d = readdir(stream)) // NOLINT(concurrency-mt-unsafe)
		error = look(shelf, dir, d->d_name);
	closedir(stream);
	merge(shelf);
	return error;
}

void cp_shelf_remove(int dir, const char *stem)
{
	char name[256];
	for (size_t i = 0; i < SUFFIXES; i++) {
		snprintf(name, sizeof name, "%s%s", stem, suffixes[i]);
		unlinkat(dir, name, 0);
	}
}

uint64_t cp_shelf_size(int dir, const char *stem)
{
	char name[256];
	struct stat st;
	uint64_t bytes = 0;
	for (size_t i = 0; i < SUFFIXES; i++) {
		snprintf(name, sizeof name, "%s%s", stem, suffixes[i]);
		if (!fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
			bytes += (uint64_t)st.st_size;
	}
	return bytes;
}
