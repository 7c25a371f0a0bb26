/* spool.c - profiles that are not delivered yet: kept, capped, claimed for sending. */
/* SPDX-License-Identifier: MIT */
#include "uploader/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/attrs.h"
#include "uploader/address.h"
#include "uploader/entry.h"
#include "uploader/folder.h"
#include "uploader/gone.h"
#include "uploader/shelf.h"
#include "uploader/tidy.h"

static void close_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static int open_dir(const struct cp_spool *spool)
{
	int dir = open(spool->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir < 0 ? -errno : dir;
}

/* The event under its name for now, held by us: whoever finds it free knows that its writer is
 * dead. */
static int try_event(int dir, const char *stem)
{
	char name[CP_MARK_NAME];
	struct stat st;
	snprintf(name, sizeof name, ".%.223s" CP_SHELF_PART, stem);
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
	if (fd < 0)
		return -errno;
	int error = flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK ? -EBUSY : 0;
	/* in a spool for several users the name may be another's, or a link to what is ours */
	if (!error && (fstat(fd, &st) || st.st_nlink != 1 || st.st_uid != geteuid() ||
		       !S_ISREG(st.st_mode) || ftruncate(fd, 0)))
		error = -EBUSY;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* Another uploader of this spool may just be asking whether the writer of that name is dead, or
 * have found so between our first two calls and removed it: a moment later the name is free. */
static int begin_event(int dir, const char *stem)
{
	struct timespec pause = {.tv_nsec = 2000000};
	int fd = try_event(dir, stem);
	for (int i = 0; i < 20 && fd == -EBUSY; i++) {
		nanosleep(&pause, NULL);
		fd = try_event(dir, stem);
	}
	return fd;
}

/* With this an entry begins to be. */
static int end_event(int dir, int fd, const struct cp_parcel *parcel, int sync)
{
	char part[CP_MARK_NAME], name[CP_MARK_NAME];
	snprintf(part, sizeof part, ".%.223s" CP_SHELF_PART, parcel->stem);
	snprintf(name, sizeof name, "%.223s" CP_SHELF_EVENT, parcel->stem);
	int error = cp_folder_write_all(fd, parcel->event.data, parcel->event.len);
	if (!error && (fchmod(fd, 0640) || (sync && fsync(fd)) || renameat(dir, part, dir, name)))
		error = -errno;
	return !error && sync ? cp_folder_sync(dir) : error;
}

static void tidy(struct cp_spool *spool, int dir)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	if (!cp_shelf_read(&shelf, dir))
		cp_tidy(spool, dir, &shelf);
}

static int put_marks(int dir, const struct cp_parcel *parcel, char (*to)[CP_DESTINATION_LEN + 1],
		     unsigned count, int sync, struct cp_claim *claims)
{
	for (unsigned i = 0; i < count; i++) {
		claims[i].fd = cp_mark_make(dir, parcel->stem, to[i]);
		if (claims[i].fd < 0)
			return claims[i].fd;
		claims[i].dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
		if (claims[i].dir < 0)
			return -errno;
		if (sync && fsync(claims[i].fd))
			return -errno;
	}
	return 0;
}

static void begin_claims(const struct cp_parcel *parcel, char (*to)[CP_DESTINATION_LEN + 1],
			 unsigned count, struct cp_claim *claims)
{
	for (unsigned i = 0; i < count; i++) {
		claims[i] = (struct cp_claim){
		    .fd = -1, .dir = -1, .count = count, .number = cp_address_number(to[i])};
		snprintf(claims[i].stem, sizeof claims[i].stem, "%s", parcel->stem);
		for (unsigned j = 0; j < count; j++)
			claims[i].numbers[j] = cp_address_number(to[j]);
	}
}

static void undo(int dir, int was_there, struct cp_claim *claims, unsigned count)
{
	char name[CP_MARK_NAME];
	for (unsigned i = 0; i < count; i++) {
		cp_mark_name(claims[i].stem, claims[i].number, name);
		if (claims[i].fd >= 0)
			unlinkat(dir, name, 0);
		cp_spool_release(&claims[i], 0);
	}
	if (!was_there)
		cp_shelf_remove(dir, claims[0].stem, NULL, 0);
}

int cp_spool_put(struct cp_spool *spool, const struct cp_parcel *parcel,
		 char (*to)[CP_DESTINATION_LEN + 1], unsigned count, int sync,
		 struct cp_claim *claims)
{
	begin_claims(parcel, to, count, claims);
	int dir CP_CLEANUP(close_fd) = open_dir(spool);
	int part CP_CLEANUP(close_fd) = dir < 0 ? dir : begin_event(dir, parcel->stem);
	if (part < 0)
		return part;
	/* kept for others already: then our marks alone are new */
	int is_there = cp_shelf_has_event(dir, parcel->stem);
	int error = put_marks(dir, parcel, to, count, sync, claims);
	if (!error)
		error = cp_folder_profiles(dir, parcel, sync);
	if (!error && cp_shelf_size(dir, parcel->stem) + parcel->event.len > spool->max_bytes)
		error = -EFBIG;
	if (!error)
		error = end_event(dir, part, parcel, sync);
	if (error)
		undo(dir, is_there, claims, count);
	tidy(spool, dir);
	return error;
}

int cp_spool_knows(const struct cp_spool *spool, const char *stem)
{
	int dir CP_CLEANUP(close_fd) = open_dir(spool);
	return dir >= 0 && (cp_shelf_has_event(dir, stem) || cp_gone_is_noted(dir, stem));
}

int cp_spool_settle(const struct cp_claim *claim)
{
	return cp_spool_holds(claim) ? cp_entry_sync(claim->dir, claim->stem) : -ENOENT;
}

uint64_t cp_spool_bytes(const struct cp_spool *spool, uint64_t *entries)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	int dir CP_CLEANUP(close_fd) = open_dir(spool);
	*entries = 0;
	if (dir < 0 || cp_shelf_read(&shelf, dir))
		return 0;
	*entries = shelf.count;
	return shelf.bytes;
}

static int has_number(const struct cp_shelf_entry *entry, uint64_t number)
{
	for (unsigned i = 0; i < entry->marks; i++)
		if (entry->numbers[i] == number)
			return 1;
	return 0;
}

uint64_t cp_spool_waiting(const struct cp_spool *spool, uint64_t number)
{
	int dir CP_CLEANUP(close_fd) = open_dir(spool);
	return dir < 0 ? 0 : cp_shelf_marks(dir, number);
}

/* A mark of this destination, new or old, held. */
static int take_mark(int dir, const struct cp_shelf_entry *entry, const char *to,
		     struct cp_claim *claim)
{
	uint64_t numbers[2] = {cp_address_number(to), CP_MARK_OLD};
	claim->fd = -ENOENT;
	for (int i = 0; i < 2 && claim->fd == -ENOENT; i++) {
		if (!has_number(entry, numbers[i]))
			continue;
		claim->number = numbers[i];
		claim->fd = cp_mark_take(dir, entry->stem, numbers[i], to);
	}
	memcpy(claim->stem, entry->stem, sizeof claim->stem);
	memcpy(claim->numbers, entry->numbers, sizeof claim->numbers);
	claim->count = entry->marks;
	return claim->fd < 0 ? claim->fd : 0;
}

int cp_spool_claim(struct cp_spool *spool, const struct cp_config *config, const char *to,
		   struct cp_claim *claim, struct cp_parcel **parcel)
{
	struct cp_shelf shelf CP_CLEANUP(cp_shelf_free) = {0};
	int dir CP_CLEANUP(close_fd) = open_dir(spool);
	if (dir < 0 || cp_shelf_read(&shelf, dir))
		return -ENOENT;
	cp_tidy(spool, dir, &shelf);
	for (size_t i = 0; i < shelf.count; i++) {
		int error = take_mark(dir, &shelf.entries[i], to, claim);
		claim->dir = error ? -1 : fcntl(dir, F_DUPFD_CLOEXEC, 3);
		if (!error && claim->dir < 0)
			error = -errno;
		if (!error)
			error = cp_entry_load(dir, claim->stem, config, parcel);
		if (!error) {
			/* not when it goes: that takes one call, and no more */
			cp_gone_note(dir, claim->stem);
			return 0;
		}
		if (error == -EBADMSG)
			cp_tidy_set_aside(spool, dir, claim->stem);
		cp_spool_release(claim, 0);
	}
	claim->fd = -1;
	return -ENOENT;
}

int cp_spool_holds(const struct cp_claim *claim)
{
	struct stat st;
	return claim->fd >= 0 && !fstat(claim->fd, &st) && st.st_nlink;
}

/* The first call here is all that there is between a profile's arrival and our knowing of it. */
void cp_spool_release(struct cp_claim *claim, int over)
{
	char name[CP_MARK_NAME];
	if (over && claim->fd >= 0) {
		cp_mark_name(claim->stem, claim->number, name);
		unlinkat(claim->dir, name, 0);
		if (!cp_shelf_has_mark(claim->dir, claim->stem, claim->numbers, claim->count))
			cp_shelf_remove(claim->dir, claim->stem, NULL, 0);
	}
	close_fd(&claim->fd);
	close_fd(&claim->dir);
	claim->fd = claim->dir = -1;
}
