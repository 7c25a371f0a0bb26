/* tidy.c - what must go from a spool: what killed writers left, what is damaged, too old, too much.
 */
/* SPDX-License-Identifier: MIT */
#include "uploader/tidy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/attrs.h"

#define CORRUPT	     "corrupt"
#define CORRUPT_MAX  64u	/* files in there */
#define CORRUPT_FILE (1u << 20) /* bytes of one */
/* So long what looks like a dead writer's may still be one's of an older version, who holds
 * nothing. */
#define SETTLED_S 60
/* So long a note is kept of a destination that nobody tries any more, where age is no bound; and at
 * least so long, since who waits for his next attempt goes by it. */
#define NOTE_S	     (7 * 86400)
#define NOTE_LEAST_S 3600

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static unsigned names_in(int dir)
{
	unsigned count = 0;
	int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = fd < 0 ? NULL : fdopendir(fd);
	while (stream && readdir(stream)) // NOLINT(concurrency-mt-unsafe): our own stream
		count++;
	if (stream)
		closedir(stream);
	else if (fd >= 0)
		close(fd);
	return stream ? count - 2 : CORRUPT_MAX;
}

static void remove_name(int dir, const char *name, void *arg CP_UNUSED)
{
	if (unlinkat(dir, name, 0) && errno == EISDIR)
		unlinkat(dir, name, AT_REMOVEDIR);
}

/* What is left without an event, or what becomes one, is nobody's: that goes last. */
static void remove_but_event(int dir, const char *name, void *arg)
{
	if (!strstr(name, CP_SHELF_EVENT))
		remove_name(dir, name, arg);
}

static void move_name(int dir, const char *name, void *arg)
{
	const int *corrupt = arg;
	struct stat st;
	int small = !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
		    (!S_ISREG(st.st_mode) || st.st_size <= CORRUPT_FILE);
	if (*corrupt < 0 || !small || names_in(*corrupt) >= CORRUPT_MAX ||
	    renameat(dir, name, *corrupt, name))
		remove_name(dir, name, NULL);
}

static void move_but_event(int dir, const char *name, void *arg)
{
	if (!strstr(name, CP_SHELF_EVENT))
		move_name(dir, name, arg);
}

void cp_tidy_set_aside(struct cp_spool *spool, int dir, const char *stem)
{
	if (mkdirat(dir, CORRUPT, 0700) && errno != EEXIST)
		errno = 0; /* then the open fails, too */
	int corrupt CP_CLEANUP(close_fd) =
	    openat(dir, CORRUPT, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cp_shelf_each(dir, stem, move_but_event, &corrupt);
	cp_shelf_each(dir, stem, move_name, &corrupt);
	spool->damaged++;
	snprintf(spool->last, sizeof spool->last, "%s", stem);
}

/* All marks of an entry held, so that nobody is sending it: 1, and it has been removed. */
static int drop(int dir, struct cp_shelf_entry *entry)
{
	int held[CP_DESTINATIONS + 1], error = 0;
	unsigned count = 0;
	for (unsigned i = 0; i < entry->marks && !error; i++) {
		int fd = cp_mark_hold(dir, entry->stem, entry->numbers[i]);
		error = fd == -EAGAIN ? fd : 0;
		if (fd >= 0)
			held[count++] = fd;
	}
	if (!error) {
		cp_shelf_remove(dir, entry->stem, entry->numbers, entry->marks);
		entry->marks = 0;
	}
	while (count)
		close(held[--count]);
	return !error;
}

/* The writer of what is not an entry yet lives: he holds what becomes its event. */
static int is_being_written(int dir, const char *stem)
{
	char name[CP_MARK_NAME];
	snprintf(name, sizeof name, ".%.223s" CP_SHELF_PART, stem);
	int fd CP_CLEANUP(close_fd) =
	    openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

/* Nothing but the name of an event to be: its writer, who is about to hold it, seems dead. */
static int is_just_begun(const struct cp_shelf_entry *entry)
{
	return entry->part == 1 && !entry->event && !entry->marks && !entry->bytes;
}

/* What has only begun to be an event is a dead writer's; an event without marks is what all have,
 * of which somebody died before it was gone. A directory is not read in one moment, so who seems
 * dead is looked at a second time. */
static void look_at_rest(struct cp_spool *spool, int dir, const struct cp_shelf_entry *entry)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	/* below 0, too: the time of a file may be finer than that of time() */
	int64_t age = time(NULL) - entry->newest;
	int fresh = !entry->odd && (!entry->part || is_just_begun(entry)) && age > -SETTLED_S &&
		    age < SETTLED_S;
	if (fresh || is_being_written(dir, entry->stem) || cp_shelf_read(&shelf, dir))
		return;
	const struct cp_shelf_entry *now = cp_shelf_find(&shelf, entry->stem);
	if (!now || (now->event && now->marks && !now->odd) || is_being_written(dir, now->stem))
		return;
	if (now->odd) {
		cp_tidy_set_aside(spool, dir, now->stem);
		return;
	}
	spool->unfinished += !now->event;
	cp_shelf_each(dir, now->stem, remove_but_event, NULL);
	cp_shelf_remove(dir, now->stem, NULL, 0);
}

/* 20260413T120000Z in seconds since 1970. */
static int64_t time_of(const char *stamp)
{
	struct tm tm = {0};
	if (sscanf(stamp, "%4d%2d%2dT%2d%2d%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
		   &tm.tm_min, &tm.tm_sec) != 6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	return timegm(&tm);
}

void cp_tidy(struct cp_spool *spool, int dir, struct cp_shelf *shelf)
{
	int64_t now = time(NULL), note_s = spool->max_age_s ? (int64_t)spool->max_age_s : NOTE_S;
	note_s = note_s < NOTE_LEAST_S ? NOTE_LEAST_S : note_s;
	if (shelf->note && shelf->note < now - note_s)
		cp_shelf_drop_notes(dir, now - note_s);
	for (size_t i = shelf->count; i < shelf->count + shelf->rest; i++)
		look_at_rest(spool, dir, &shelf->entries[i]);
	for (size_t i = 0; i < shelf->count; i++) {
		struct cp_shelf_entry *entry = &shelf->entries[i];
		/* one has room; what is larger was not put there */
		int full = shelf->bytes > spool->max_bytes && i + 1 < shelf->count;
		int old =
		    spool->max_age_s && now - time_of(entry->stamp) > (int64_t)spool->max_age_s;
		if (!full && !old)
			break;
		if (!drop(dir, entry))
			continue;
		shelf->bytes -= entry->bytes;
		spool->full += (uint64_t)full;
		spool->old += (uint64_t)!full;
	}
}
